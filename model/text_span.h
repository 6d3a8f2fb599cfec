#pragma once
#include <cstddef>

namespace fennec {

/// A part of a text, in bytes.
struct Span {
  std::size_t begin = 0, end = 0;
};

}  // namespace fennec
