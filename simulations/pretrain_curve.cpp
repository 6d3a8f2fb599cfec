#include "simulations/pretrain_curve.h"

#include <cstdio>

#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"

namespace fennec {

void write_curve(const std::filesystem::path& file, const std::vector<PretrainProgress>& curve) {
  std::string text =
      "step,tokens,train_context,train_answer,held_out_context,held_out_answer,held_out_accuracy,"
      "seconds\n";
  for (const PretrainProgress& p : curve)
    text += fmt::format("{},{},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f},{:.0f}\n", p.step, p.tokens,
                        p.train_context, p.train_answer, p.held_out_context, p.held_out_answer,
                        p.held_out_accuracy, p.seconds);
  write_file_atomically(file, text);
}

std::vector<PretrainProgress> read_curve(const std::filesystem::path& file, std::int64_t last_step) {
  std::vector<PretrainProgress> curve;
  if (!std::filesystem::exists(file)) return curve;
  for_each_line(file, [&](std::size_t number, std::string_view text) {
    if (number == 1 || text.empty()) return;
    PretrainProgress p;
    long long step = 0, tokens = 0;
    if (std::sscanf(std::string(text).c_str(), "%lld,%lld,%lf,%lf,%lf,%lf,%lf,%lf", &step, &tokens,
                    &p.train_context, &p.train_answer, &p.held_out_context, &p.held_out_answer,
                    &p.held_out_accuracy, &p.seconds) != 8)
      throw IoError(fmt::format("{}:{}: not a row of the loss curve", file.string(), number));
    p.step = step;
    p.tokens = tokens;
    if (p.step <= last_step) curve.push_back(p);
  });
  return curve;
}

}  // namespace fennec
