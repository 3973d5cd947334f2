"""Reads the JPEG files that a list names with Pillow, in processes, and prints the seconds that took."""
import sys, time
from multiprocessing import Pool
from PIL import Image

names, size, processes, mode = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

def read(path):
    image = Image.open(path)
    if mode == 'draft':
        image.draft('RGB', (size, size))
    return image.convert('RGB').resize((size, size), Image.BILINEAR).tobytes()

if __name__ == '__main__':
    paths = open(names).read().split('\n')
    started = time.perf_counter()
    with Pool(processes) as pool:
        pictures = pool.map(read, paths, chunksize=16)
    print(time.perf_counter() - started)
