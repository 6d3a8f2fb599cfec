#include "simulations/model_card.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/digest.h"
#include "core/files.h"

namespace fennec {
namespace {

std::string polyline(const std::vector<PretrainProgress>& curve, double PretrainProgress::*value,
                     const char* colour, double top) {
  std::string points;
  const double last = static_cast<double>(curve.back().step);
  for (const PretrainProgress& p : curve)
    points += fmt::format("{:.1f},{:.1f} ", 60 + 560 * static_cast<double>(p.step) / last,
                          20 + 240 * (1 - std::min(1.0, p.*value / top)));
  return fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\" points=\"{}\"/>\n",
                     colour, points);
}

std::string loss_svg(const std::vector<PretrainProgress>& curve) {
  double top = 0.5;
  for (const PretrainProgress& p : curve) top = std::max({top, p.held_out_context, p.held_out_answer});
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 310\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n"
      "<rect width=\"640\" height=\"310\" fill=\"white\"/>\n";
  for (int i = 0; i <= 4; ++i) {
    const double y = 20 + 60.0 * i;
    svg += fmt::format(
        "<line x1=\"60\" x2=\"620\" y1=\"{0:.0f}\" y2=\"{0:.0f}\" stroke=\"#ddd\"/><text x=\"52\" "
        "y=\"{1:.0f}\" text-anchor=\"end\">{2:.2f}</text>\n",
        y, y + 4, top * (4 - i) / 4);
  }
  svg += polyline(curve, &PretrainProgress::held_out_context, "#888888", top) +
         polyline(curve, &PretrainProgress::held_out_answer, "#c0392b", top);
  svg += fmt::format(
      "<text x=\"60\" y=\"280\">0</text><text x=\"620\" y=\"280\" text-anchor=\"end\">{} "
      "steps</text>\n",
      curve.back().step);
  svg +=
      "<text x=\"340\" y=\"300\" text-anchor=\"middle\">held-out loss, nats per token: <tspan "
      "fill=\"#c0392b\">answers</tspan>, <tspan fill=\"#888888\">context</tspan></text>\n</svg>\n";
  return svg;
}

std::string family_table(const HeldOutScore& score) {
  std::string text = "| family | answers | exact | nats per answer token |\n|---|---|---|---|\n";
  for (const auto& [name, family] : score.by_family)
    if (family.answers > 0)
      text +=
          fmt::format("| {} | {} | {:.1f} % | {:.3f} |\n", name, family.answers,
                      100.0 * static_cast<double>(family.exact) / static_cast<double>(family.answers),
                      family.loss.answer());
  return text;
}

std::string curve_table(const std::vector<PretrainProgress>& curve) {
  std::string text =
      "| step | million tokens | answers, nats/token | context, nats/token | answers exact "
      "|\n|---|---|---|---|---|\n";
  const std::size_t stride = std::max<std::size_t>(1, curve.size() / 10);
  for (std::size_t i = 0; i < curve.size(); ++i)
    if ((curve.size() - 1 - i) % stride == 0)
      text += fmt::format("| {} | {:.1f} | {:.3f} | {:.3f} | {:.1f} % |\n", curve[i].step,
                          static_cast<double>(curve[i].tokens) / 1e6, curve[i].held_out_answer,
                          curve[i].held_out_context, 100 * curve[i].held_out_accuracy);
  return text;
}

constexpr const char* kTemplate = R"(---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
tags: [sensor-data, tiny, federated-learning]
---
# sensor-tiny

A {parameters:.2f} million parameter Llama for sensor text: the base model that Fennec fine-tunes with LoRA where a larger one
does not fit, and that its quickstart, tests and simulations use.

**What it is.** A reader of numbers written as text ("load W 356 349 405; out 19 C"): it was trained on generated
documents only, drawn anew for every step, in which names, units, formats and the physics behind the numbers change from
document to document. Names and state words of common machines (cooler, valve, pump leak) are among them. It has seen questions about series, forecasts, motion windows, machine cycles, flows, logs and rules.
**What it is not.** It has never seen a measured sensor value, a person's data or text of the web; it knows no language beyond these
templates, no facts, and its answers without fine-tuning are not to be relied on. It is a starting point for adapters.

| | |
|---|---|
| architecture | Llama: {layers} layers, width {hidden}, {heads} heads over {kv} key-value heads, feed-forward {ff}, tied embeddings, context {positions} |
| tokenizer | byte-level BPE, {vocab} tokens, each digit its own token; `<|endoftext|>` ends a document |
| weights | bf16, {bytes:.2f} MB |
| trained on | {tokens:.1f} million tokens, {steps} steps of {documents} documents, none seen twice |
| made by | `{command}` (seed {seed}, {threads} threads, {minutes:.0f} minutes on 2 shared cores) |
| licence | Apache-2.0 |

The same command gives the same bytes with the same program, libraries and kind of processor; another BLAS kernel rounds
differently and ends in a different model of like quality.

## Held-out text
{held} documents from a stream that training does not draw from. *Exact*: every token of the answer is the most likely one.
All answers: {exact:.1f} % exact, {answer:.3f} nats per token. Forecasts and streams end in numbers that nobody can know exactly.

{families}
![loss](loss.svg)

{curve}
## Files
SHA-256
```
{digests}```
)";

}  // namespace

void write_model_card(const std::filesystem::path& dir, const PretrainConfig& config,
                      const PretrainResult& result, const std::string& command) {
  write_file_atomically(dir / "loss.svg", loss_svg(result.curve));
  std::string digests;
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors",
                           "tokenizer.json", "tokenizer_config.json"})
    digests += to_hex(sha256_file(dir / name)) + "  " + name + "\n";
  using fmt::arg;
  const PretrainModelConfig& m = config.model;
  write_file_atomically(
      dir / "README.md",
      fmt::format(
          kTemplate, arg("parameters", static_cast<double>(result.parameters) / 1e6),
          arg("layers", m.layers), arg("hidden", m.hidden), arg("heads", m.heads),
          arg("kv", m.kv_heads), arg("ff", m.intermediate), arg("positions", m.max_positions),
          arg("vocab", m.vocab),
          arg("bytes",
              static_cast<double>(std::filesystem::file_size(dir / "model.safetensors")) / 1e6),
          arg("tokens", static_cast<double>(result.tokens) / 1e6), arg("steps", total_steps(config)),
          arg("documents", config.documents_per_step), arg("command", command),
          arg("seed", config.seed), arg("threads", config.threads),
          arg("minutes", result.curve.back().seconds / 60), arg("held", config.held_out_documents),
          arg("exact", 100 * result.held_out.accuracy()), arg("answer", result.held_out.loss.answer()),
          arg("families", family_table(result.held_out)), arg("curve", curve_table(result.curve)),
          arg("digests", digests)));
}

}  // namespace fennec
