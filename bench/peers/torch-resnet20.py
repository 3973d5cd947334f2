#!/usr/bin/python3
"""A training step of ResNet-20 in PyTorch, batch 100, Adam: what tilegrad/nn's resNet20 is timed beside.

usage: torch-resnet20.py --threads N [--channels-last]; common.py of the peers' folder must lie on PYTHONPATH.
Layers as He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, section 4.2, with projections as
shortcuts where the shape changes.
"""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from common import bench, emit

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--channels-last", action="store_true")
options = parser.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(0)
layout = torch.channels_last if options.channels_last else torch.contiguous_format


class Block(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.shortcut = None
        if stride != 1 or channels != filters:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + (x if self.shortcut is None else self.shortcut(x)))


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    channels = 16
    for stage, filters in enumerate([16, 32, 64]):
        for i in range(3):
            layers.append(Block(channels, filters, 2 if stage > 0 and i == 0 else 1))
            channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


batch = 100
model = resnet20().to(memory_format=layout).train()
x = torch.randn(batch, 3, 32, 32).contiguous(memory_format=layout)
y = torch.randint(0, 10, (batch,))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


emit(system="torch" + ("-cl" if options.channels_last else ""), version=torch.__version__, threads=options.threads,
     w="W5", case="resnet20", op="train", batch=batch, **bench(step))
