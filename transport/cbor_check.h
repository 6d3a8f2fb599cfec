#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace fennec {

struct CborLimits {
  int depth = 4;                       ///< nested maps and lists
  std::size_t text_bytes = 48 * 1024;  ///< longest text string
  std::size_t items = 8192;            ///< values in all
};

/// Walks one CBOR item without building anything: definite lengths only, no tags, no byte strings,
/// every length inside the buffer, nothing left over. Iterative, so depth costs no stack. Returns what
/// is wrong, or nothing. A parser may be run on what passes.
std::optional<std::string> find_cbor_fault(std::span<const std::byte> bytes,
                                           const CborLimits& limits = {});

}  // namespace fennec
