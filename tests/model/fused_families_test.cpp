// Every family computes the same by its fused operations as by the plain ones.
#include "tests/support/doctest_torch.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>

#include "model/kv_cache.h"
#include "tests/model/golden.h"
#include "tests/model/random_llama.h"
#include "tests/model/small_families.h"

namespace {

using namespace fennec;
using fennec::test::kSmallFamilies;
using fennec::test::max_difference;
using fennec::test::random_family;
using fennec::test::random_ids;
using fennec::test::SmallFamily;

enum class Seam { kFolded, kApplied };

/// A low-rank path that says so, or one that nothing is known about.
class Branch final : public ProjectionBranch {
 public:
  Branch(LowRank factors, Seam seam) : factors_(std::move(factors)), seam_(seam) {}
  const LowRank* low_rank() const override { return seam_ == Seam::kFolded ? &factors_ : nullptr; }
  at::Tensor apply(const at::Tensor& x, const at::Tensor& base) const override {
    return base + at::mm(at::mm(x, factors_.a.t()), factors_.b.t()) * factors_.scale;
  }

 private:
  LowRank factors_;
  Seam seam_;
};

at::Tensor learnt(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const at::Tensor values = at::empty({rows, columns}, at::kFloat);
  fill_normal(Seed(7).child("factor", name),
              {values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, 0.2F);
  return values.requires_grad_(true);
}

/// The loss, then the gradients of A and B of every linear under a branch of rank 3.
std::vector<at::Tensor> train_step(CausalLm& model, const TokenBatch& batch, Seam seam) {
  std::vector<at::Tensor> factors;
  for (Projection* projection : model.projections()) {
    const at::Tensor a = learnt(projection->module() + ".a", 3, projection->weight().size(1)),
                     b = learnt(projection->module() + ".b", projection->weight().size(0), 3);
    projection->attach(std::make_shared<Branch>(LowRank{a, b, 0.5}, seam));
    factors.insert(factors.end(), {a, b});
  }
  const at::Tensor loss = supervised_loss(model, batch, batch.ids).sum;
  loss.backward();
  std::vector<at::Tensor> results = {loss.detach()};
  for (const at::Tensor& factor : factors) results.push_back(factor.grad());
  return results;
}

}  // namespace

TEST_CASE("fused families: a step with folded adapters equals one with branches applied on top") {
  const at::Tensor segments =
                       at::tensor({0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, -1}, at::kLong),
                   positions = at::cat({at::arange(9, at::kLong), at::arange(9, at::kLong)});
  const TokenBatch whole_rows{random_ids(Seed(4), 2, 18, 60), {}, {}},
      packed{whole_rows.ids, segments.expand({2, 18}), positions.expand({2, 18})};
  for (const SmallFamily& family : kSmallFamilies)
    for (const TokenBatch& batch : {whole_rows, packed}) {
      CAPTURE(std::string(family.label));
      const auto model = random_family(family);
      const auto folded = train_step(*model, batch, Seam::kFolded),
                 applied = train_step(*model, batch, Seam::kApplied);
      REQUIRE(folded.size() == applied.size());
      for (std::size_t i = 0; i < folded.size(); ++i) {
        REQUIRE(folded[i].defined());
        const double size = applied[i].abs().max().item<double>();
        CHECK(max_difference(folded[i], applied[i]) <= 1e-4 * std::max(size, 1e-2));
      }
    }
}

TEST_CASE("fused families: windows go by position where positions jump within a document") {
  const at::NoGradGuard no_grad;
  const at::Tensor positions = at::cat({at::arange(7, at::kLong), at::arange(9, 16, at::kLong)});
  for (const SmallFamily& family : kSmallFamilies) {
    CAPTURE(std::string(family.label));
    const auto model = random_family(family);
    const TokenBatch batch{random_ids(Seed(5), 2, 14, 60), {}, positions.expand({2, 14})};
    KvCache cache(*model, 2, 14);
    CHECK(max_difference(model->hidden(batch), model->hidden(batch, &cache)) < 2e-5);
  }
}
