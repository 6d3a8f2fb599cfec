// The narrow set of LibTorch headers that torch-using sources share, precompiled once per target.
#pragma once
#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>
