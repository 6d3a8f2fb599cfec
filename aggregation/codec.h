#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/parameter_set.h"

namespace fennec {

/// ParameterSet ⇄ bytes. Self-describing: the first bytes name codec and layout, so a mismatch is an
/// error, not noise. Stateless and thread-safe; codecs with memory keep it with their caller.
class UpdateCodec {
 public:
  virtual ~UpdateCodec() = default;
  virtual std::string_view name() const = 0;
  virtual std::vector<std::byte> encode(const ParameterSet& delta) const = 0;
  /// kMalformed (truncated, oversized), kMismatch (other layout), kNumeric (NaN or Inf). Allocates
  /// nothing that the layout does not bound.
  virtual Result<ParameterSet> decode(std::span<const std::byte> bytes,
                                      const LayoutPtr& layout) const = 0;
};

/// Throws ConfigError listing the registered names.
std::unique_ptr<UpdateCodec> make_codec(std::string_view name);
const std::vector<std::string>& codec_names();

}  // namespace fennec
