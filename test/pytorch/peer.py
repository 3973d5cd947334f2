"""
The PyTorch side of `npm run test:pytorch`. For every stack in FOLDER/stacks.json: loads FOLDER/NAME.safetensors with
load_state_dict(strict=True) and writes the logits in test mode for the inputs x in it; then trains the stack for some
steps and writes its state, inputs and logits for the other side. Everything is float32.
"""
import json
import struct
import sys
from pathlib import Path
import numpy
import torch
from torch import nn

folder = Path(sys.argv[1])
torch.manual_seed(3)


def read(path):
    """A safetensors file: the length of a JSON header, the header, the elements."""
    data = path.read_bytes()
    length, = struct.unpack('<Q', data[:8])
    header = json.loads(data[8:8 + length])
    types = {'F32': numpy.float32, 'F64': numpy.float64, 'I32': numpy.int32, 'I64': numpy.int64}
    tensors = {}
    for name, entry in header.items():
        if name != '__metadata__':
            begin, end = (8 + length + offset for offset in entry['data_offsets'])
            elements = numpy.frombuffer(data[begin:end], types[entry['dtype']]).reshape(entry['shape'])
            tensors[name] = torch.from_numpy(elements.copy())
    return tensors


for name, layers in json.loads((folder / 'stacks.json').read_text()).items():
    net = nn.Sequential(*[getattr(nn, layer)(*args, **options) for layer, args, options in layers])
    given = read(folder / f'{name}.safetensors')
    x = given.pop('x')
    net.load_state_dict(given, strict=True)
    with torch.no_grad():
        answer = {'logits': net.eval()(x).numpy()}
    optimizer = torch.optim.SGD(net.train().parameters(), lr=0.05, momentum=0.9)
    for step in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(torch.randn_like(x)), torch.randint(5, x.shape[:1])).backward()
        optimizer.step()
    with torch.no_grad():
        trained = net.eval()(x).numpy()
    numpy.savez(folder / f'{name}.npz', **answer, trained=trained,
                **{f'state.{key}': value.numpy() for key, value in net.state_dict().items()})
