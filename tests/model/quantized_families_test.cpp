// Every family on a base in a few bits.
#include <algorithm>
#include <memory>

#include "core/error.h"
#include "model/model_config.h"
#include "model/save_checkpoint.h"
#include "tests/model/golden.h"
#include "tests/model/random_llama.h"
#include "tests/model/small_families.h"
#include "tests/support/doctest_torch.h"
#include "tests/support/temp_dir.h"

using namespace fennec;  // NOLINT: test

namespace {

class Branch final : public ProjectionBranch {
 public:
  explicit Branch(LowRank factors) : factors_(std::move(factors)) {}
  const LowRank* low_rank() const override { return &factors_; }
  at::Tensor apply(const at::Tensor&, const at::Tensor&) const override { std::abort(); }

 private:
  LowRank factors_;
};

/// The loss, then the gradients of an A and a B on every linear.
std::vector<at::Tensor> train_step(CausalLm& model, const at::Tensor& ids) {
  std::vector<at::Tensor> results(1);
  for (Projection* p : model.projections()) {
    const at::Tensor a = at::full({2, p->in_features()}, 0.1F).requires_grad_(true),
                     b = at::full({p->out_features(), 2}, 0.2F).requires_grad_(true);
    p->attach(std::make_shared<Branch>(LowRank{a, b, 0.5}));
    results.insert(results.end(), {a, b});
  }
  const at::Tensor loss = supervised_loss(model, {ids, {}, {}}, ids).sum;
  loss.backward();
  results[0] = loss.detach();
  for (std::size_t i = 1; i < results.size(); ++i) results[i] = results[i].grad();
  return results;
}

}  // namespace

TEST_CASE("quantised families: a step is that of the same base written out in fp32") {
  const at::Tensor ids = test::random_ids(Seed(4), 2, 18, 60);
  for (const test::SmallFamily& family : test::kSmallFamilies)
    for (const std::string precision : {"int8", "int4", "nf4"}) {
      CAPTURE(std::string(family.label));
      CAPTURE(precision);
      const test::TempDir dir;
      save_checkpoint(*test::random_family(family), dir / "base", Dtype::kF32);
      const auto quantised = load_causal_lm(dir / "base", precision);
      save_checkpoint(*quantised, dir / "expanded", Dtype::kF32);
      const auto plain = load_causal_lm(dir / "expanded"), exact = load_causal_lm(dir / "base");
      const auto got = train_step(*quantised, ids), want = train_step(*plain, ids);
      CHECK_FALSE(at::equal(want[0], train_step(*exact, ids)[0]));
      for (std::size_t i = 0; i < got.size(); ++i) {
        REQUIRE(got[i].defined());
        const double size = want[i].abs().max().item<double>();
        CHECK(test::max_difference(got[i], want[i]) <= 1e-4 * std::max(size, 1e-2));
      }
    }
}

TEST_CASE("quantised families: an unknown precision is refused with those that are known") {
  try {
    load_causal_lm("nowhere", "int5");
    FAIL("accepted");
  } catch (const ConfigError& e) {
    CHECK(std::string(e.what()).find("'int5' is unknown; known: fp32, int8, int4, nf4") !=
          std::string::npos);
  }
}
