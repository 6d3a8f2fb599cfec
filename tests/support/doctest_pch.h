// What every test includes.
#include <doctest/doctest.h>

#include "cmake/std_pch.h"
