"""Checks every .onnx file of a folder with ONNX's own checker, shapes inferred strictly."""

import pathlib
import sys

import onnx

count = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob('*.onnx')):
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        count += 1
    except Exception as error:
        print(f'{path.name}: {error}', file=sys.stderr)
        sys.exit(1)
print(f'onnx {onnx.__version__}: {count} files are good')
