#pragma once
#include <filesystem>

#include "core/parameter_set.h"
#include "transport/messages.h"

namespace fennec {

/// What lossy codecs left out of a device's updates so far, to be sent with later ones: two files of
/// its state directory. An update's error counts from its acceptance on; that of a refused update is
/// given up with it. Throws IoError.
class FeedbackStore {
 public:
  explicit FeedbackStore(std::filesystem::path dir) : dir_(std::move(dir)) {}

  /// Empty when there is none for this layout, or when it is of more than ten rounds before.
  ParameterSet current(const LayoutPtr& layout, RoundId round) const;
  /// Before the update may leave.
  void prepare(const UpdateOffer& offer, const ParameterSet& error) const;
  void accepted(const UpdateAccepted& update) const;

 private:
  std::filesystem::path current_file() const { return dir_ / "feedback.safetensors"; }
  std::filesystem::path next_file() const { return dir_ / "feedback-next.safetensors"; }
  std::filesystem::path dir_;
};

}  // namespace fennec
