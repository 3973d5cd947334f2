"""Exports networks from PyTorch into a folder, in several ways each, with an input and its output as npz."""

import sys
import warnings

import numpy as np
import torch
from torch import nn

warnings.filterwarnings('ignore')


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.down = None
        if stride != 1 or inputs != outputs:
            self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.down is None else self.down(x)))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        stem = [nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        self.body = nn.Sequential(*stem, Block(8, 8), Block(8, 16, 2), Block(16, 16), nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(torch.flatten(self.body(x), 1))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.LeakyReLU(0.1), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Linear(1024, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10))

    def forward(self, x):
        x = self.features(x)
        return torch.softmax(self.classifier(x.view(x.size(0), -1)), 1)


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.acts = nn.Sequential(nn.GroupNorm(2, 8), nn.PReLU(8), nn.GELU(), nn.SiLU(), nn.LayerNorm([8, 32, 32]), nn.ELU())
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pool = nn.AvgPool2d(3, 2, 1)
        self.head = nn.Sequential(nn.Linear(2048, 20), nn.LayerNorm(20), nn.BatchNorm1d(20), nn.Sigmoid())
        self.last = nn.Linear(20, 5, bias=False)

    def forward(self, x):
        x = self.acts(self.conv(x))
        x = torch.cat([self.depthwise(x)[:, :4], torch.tanh(x[:, 4:])], 1)
        x = self.pool(x).mean((2, 3), keepdim=True) * self.pool(x) + 0.5
        return self.last(self.head(x.flatten(1))).clamp(-1, 1)


folder = sys.argv[1]
torch.manual_seed(0)
for name, net in (('residual', Residual()), ('plain', Plain()), ('mixed', Mixed())):
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
            module.running_mean.normal_(0, .2)
            module.running_var.uniform_(.5, 1.5)
    net.eval()
    x = torch.randn(2, 3, 32, 32)
    for opset in (11, 13, 16):
        for fold in (True, False):
            for free in (True, False):
                mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
                axes = {'input': {0: 'n'}, 'output': {0: 'n'}} if free else None
                torch.onnx.export(
                    net, x, f'{folder}/{name}-{opset}-{fold}-{free}.onnx', opset_version=opset, do_constant_folding=fold,
                    training=mode, input_names=['input'], output_names=['output'], dynamic_axes=axes)
    np.savez(f'{folder}/{name}.npz', x=x.numpy(), y=net(x).detach().numpy())
