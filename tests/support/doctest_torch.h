#pragma once
/// doctest for tests that include LibTorch: its glog has a CHECK of its own that aborts and counts
/// nothing, and whichever is defined last wins.
#include <ATen/core/Tensor.h>
#include <c10/util/Logging.h>

#undef CHECK
#undef CHECK_EQ
#undef CHECK_NE
#undef CHECK_LT
#undef CHECK_LE
#undef CHECK_GT
#undef CHECK_GE
#undef REQUIRE
#undef INFO
#undef WARN
#include <doctest/doctest.h>
