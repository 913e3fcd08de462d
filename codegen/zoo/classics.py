"""The networks to compare small ones with: whatever can be emitted can, yet few parts hold one."""

from __future__ import annotations

from codegen.zoo.alexnet import ALEXNET
from codegen.zoo.deeplab_v2 import DEEPLAB_V2
from codegen.zoo.dilated_vgg import DILATED_VGG
from codegen.zoo.fcn8s import CRF_RNN, FCN8S
from codegen.zoo.fully_connected import FULLY_CONNECTED
from codegen.zoo.googlenet import GOOGLENET
from codegen.zoo.inception_resnet_v2 import INCEPTION_RESNET_V2
from codegen.zoo.inception_v3 import INCEPTION_V3
from codegen.zoo.inception_v4 import INCEPTION_V4
from codegen.zoo.network import Network
from codegen.zoo.nin import NIN
from codegen.zoo.resnet import RESNETS
from codegen.zoo.segnet import SEGNET
from codegen.zoo.simplenet import SIMPLENET
from codegen.zoo.vgg16 import VGG16

CLASSICS: tuple[Network, ...] = (
    ALEXNET,
    NIN,
    VGG16,
    GOOGLENET,
    *RESNETS,
    INCEPTION_V3,
    INCEPTION_V4,
    INCEPTION_RESNET_V2,
    SIMPLENET,
    FULLY_CONNECTED,
    FCN8S,
    CRF_RNN,
    DILATED_VGG,
    SEGNET,
    DEEPLAB_V2,
)
