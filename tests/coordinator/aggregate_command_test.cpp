// `fennec-coordinator aggregate`, the program itself, against dense products.
#include <doctest/doctest.h>

#include <Eigen/Core>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/lora_layout.h"
#include "core/peft_directory.h"
#include "core/rng.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using namespace fennec::test;

namespace {

namespace fs = std::filesystem;
using Matrix = Eigen::MatrixXd;
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

const std::vector<LinearShape> kLinears{{"model.layers.0.self_attn.v_proj", 12, 7},
                                        {"model.layers.0.mlp.down_proj", 9, 15}};

struct Made {
  int rank = 4;
  double alpha = 8;
  bool rslora = false;
  std::uint64_t seed = 1, a_seed = 0;  ///< a_seed: A drawn from it instead
  std::string base = "models/x";
};

void write_adapter(const fs::path& dir, const Made& made) {
  PeftConfig config;
  config.r = made.rank;
  config.lora_alpha = made.alpha;
  config.use_rslora = made.rslora;
  config.base_model_name_or_path = made.base;
  config.target_modules = {"v_proj", "down_proj"};
  ParameterSet tensors(lora_layout(kLinears, made.rank));
  fill_normal(Seed(made.seed), tensors.values(), 0.3F);
  if (made.a_seed != 0)
    for (const ParameterEntry& entry : tensors.layout()->entries())
      if (entry.name.ends_with("lora_A.weight"))
        fill_normal(Seed(made.a_seed).child(entry.name), tensors.values(entry), 0.3F);
  write_peft_directory(dir, config, tensors);
}

/// s·B·A of each module, dense, by the scale that adapter_config.json states.
std::vector<Matrix> products(const fs::path& dir) {
  const PeftAdapter adapter = read_peft_directory(dir);
  std::vector<Matrix> out;
  for (const LinearShape& linear : kLinears) {
    const auto matrix = [&](const std::string& name) -> Matrix {
      const ParameterEntry* entry = adapter.tensors.layout()->find(name);
      REQUIRE(entry != nullptr);
      return Eigen::Map<const RowMajor>(adapter.tensors.values(*entry).data(), entry->shape[0],
                                        entry->shape[1])
          .cast<double>();
    };
    const Matrix a = matrix(lora_a_name(linear.module)), b = matrix(lora_b_name(linear.module));
    double alpha = adapter.config.lora_alpha;
    for (const auto& [key, value] : adapter.config.alpha_pattern)
      if (linear.module.ends_with(key)) alpha = value;
    const auto rank = static_cast<double>(a.rows());
    out.push_back((adapter.config.use_rslora ? alpha / std::sqrt(rank) : alpha / rank) * b * a);
  }
  return out;
}

std::vector<Matrix> weighted(const std::vector<std::vector<Matrix>>& all,
                             const std::vector<double>& p) {
  std::vector<Matrix> out;
  for (std::size_t m = 0; m < kLinears.size(); ++m) {
    out.push_back(Matrix::Zero(all[0][m].rows(), all[0][m].cols()));
    for (std::size_t k = 0; k < all.size(); ++k) out[m] += p[k] * all[k][m];
  }
  return out;
}

double distance(const std::vector<Matrix>& x, const std::vector<Matrix>& y) {
  double most = 0;
  for (std::size_t m = 0; m < x.size(); ++m) most = std::max(most, (x[m] - y[m]).norm() / y[m].norm());
  return most;
}

/// Three adapters of unequal ranks and scales.
struct Mixed {
  TempDir dir;
  fs::path a = dir / "a", b = dir / "b", c = dir / "c", out = dir / "out";
  Mixed() {
    write_adapter(a, {4, 8, false, 1});
    write_adapter(b, {2, 6, false, 2});
    write_adapter(c, {3, 5, true, 3});
  }
  std::string dirs() const { return a.string() + " " + b.string() + " " + c.string(); }
  ProgramRun run(const std::string& arguments) const {
    return run_program("fennec-coordinator",
                       "aggregate " + arguments + " --out " + out.string() + " " + dirs());
  }
  std::vector<Matrix> mean() const {
    return weighted({products(a), products(b), products(c)}, {0.5, 1.0 / 6, 1.0 / 3});
  }
};

}  // namespace

TEST_CASE("aggregate: flora of unequal ranks and scales is the exact weighted mean") {
  const Mixed mixed;
  const ProgramRun done = mixed.run("--strategy flora --weights 3,1,2 --json");
  CAPTURE(done.err);
  REQUIRE(done.exit_code == 0);
  CHECK(distance(products(mixed.out), mixed.mean()) < 1e-6);
  const auto report = nlohmann::json::parse(done.out);
  CHECK(report["rank"] == 9);
  CHECK(report["adapters"] == 3);
  CHECK(report["error"].get<double>() < 1e-7);
  CHECK(read_peft_directory(mixed.out).config.lora_alpha == 9);
}

TEST_CASE("aggregate: flexlora at rank 2 is the best of that rank") {
  const Mixed mixed;
  REQUIRE(mixed.run("--strategy flexlora --weights 3,1,2 --options rank=2").exit_code == 0);
  std::vector<Matrix> best = mixed.mean();
  for (Matrix& m : best) {
    const Eigen::JacobiSVD<Matrix> svd(m, Eigen::ComputeThinU | Eigen::ComputeThinV);
    m = svd.matrixU().leftCols(2) * svd.singularValues().head(2).asDiagonal() *
        svd.matrixV().leftCols(2).transpose();
  }
  CHECK(distance(products(mixed.out), best) < 1e-5);
  CHECK(read_peft_directory(mixed.out).config.r == 2);
}

TEST_CASE("aggregate: ranks chosen by energy differ by module, and the pattern says how") {
  const Mixed mixed;
  const ProgramRun done = mixed.run("--strategy flora --weights 3,1,2 --options energy=0.8 --json");
  CAPTURE(done.err);
  REQUIRE(done.exit_code == 0);
  const double error = nlohmann::json::parse(done.out)["error"];
  CHECK(error <= std::sqrt(0.2));
  const std::vector<Matrix> made = products(mixed.out), mean = mixed.mean();
  double lost = 0, whole = 0;
  for (std::size_t m = 0; m < made.size(); ++m) {
    lost += (made[m] - mean[m]).squaredNorm();
    whole += mean[m].squaredNorm();
  }
  CHECK(std::sqrt(lost / whole) == doctest::Approx(error).epsilon(1e-4));
}

TEST_CASE("aggregate: one adapter comes back, and the order on the command line does not show") {
  const Mixed mixed;
  REQUIRE(run_program("fennec-coordinator", "aggregate --strategy fedavg --out " + mixed.out.string() +
                                                " " + mixed.c.string())
              .exit_code == 0);
  CHECK(distance(products(mixed.out), products(mixed.c)) < 1e-6);
  for (const char* strategy : {"flora", "flexlora", "hetlora", "geomedian"}) {
    CAPTURE(strategy);
    const fs::path one = mixed.dir / "one", two = mixed.dir / "two";
    const std::string begin = std::string("aggregate --strategy ") + strategy;
    REQUIRE(run_program("fennec-coordinator",
                        begin + " --weights 3,1,2 --out " + one.string() + " " + mixed.dirs())
                .exit_code == 0);
    REQUIRE(run_program("fennec-coordinator", begin + " --weights 2,3,1 --out " + two.string() + " " +
                                                  mixed.c.string() + " " + mixed.a.string() + " " +
                                                  mixed.b.string())
                .exit_code == 0);
    CHECK(read_binary_file(one / "adapter_model.safetensors") ==
          read_binary_file(two / "adapter_model.safetensors"));
  }
}

TEST_CASE(
    "aggregate: halves in common make ffa, rolora and the exact mean agree; fedsa writes each its "
    "own") {
  const TempDir dir;
  std::string dirs;
  std::vector<std::vector<Matrix>> all;
  for (std::uint64_t k = 1; k <= 3; ++k) {
    const fs::path each = dir / ("c" + std::to_string(k));
    write_adapter(each, {3, 6, false, k, 99});
    dirs += " " + each.string();
    all.push_back(products(each));
  }
  const std::vector<Matrix> mean = weighted(all, {1.0 / 3, 1.0 / 3, 1.0 / 3});
  for (const char* strategy : {"fedavg", "ffa", "rolora", "fedex", "lorafair", "flora"}) {
    CAPTURE(strategy);
    const std::string out = (dir / strategy).string();
    const ProgramRun done = run_program(
        "fennec-coordinator", std::string("aggregate --strategy ") + strategy + " --out " + out + dirs);
    CAPTURE(done.err);
    REQUIRE(done.exit_code == 0);
    CHECK(distance(products(out), mean) < 1e-6);
  }
  const fs::path out = dir / "fedsa";
  REQUIRE(run_program("fennec-coordinator", "aggregate --strategy fedsa --out " + out.string() + dirs)
              .exit_code == 0);
  CHECK(distance(products(out / "client-2"), all[1]) < 1e-6);
}

TEST_CASE("aggregate: what does not fit is refused by directory and tensor, and nothing is written") {
  const Mixed mixed;
  const auto refused = [&](const std::string& arguments, const std::string& dirs, int code = 2) {
    const ProgramRun done = run_program(
        "fennec-coordinator", "aggregate " + arguments + " --out " + mixed.out.string() + " " + dirs);
    CHECK(done.exit_code == code);
    CHECK_FALSE(fs::exists(mixed.out));
    return done.err;
  };
  const auto says = [](const std::string& text, const std::string& part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const fs::path other = mixed.dir / "other";
  write_adapter(other, {4, 8, false, 4, 0, "models/y"});
  says(refused("--strategy flora", mixed.a.string() + " " + other.string()),
       other.string() + ": is an adapter of base model 'models/y'");
  ParameterSet fewer(lora_layout({kLinears[0]}, 4));
  PeftConfig config = read_peft_directory(mixed.a).config;
  write_peft_directory(other, config, fewer);
  says(
      refused("--strategy flora", mixed.a.string() + " " + other.string()),
      other.string() + ": has no tensor 'base_model.model.model.layers.0.mlp.down_proj.lora_A.weight'");
  says(refused("--strategy fedavg", mixed.dirs()), "needs equal ranks");
  says(refused("--strategy flora --weights 1,2", mixed.dirs()), "2 weights for 3 adapters");
  says(refused("--strategy flora --weights 1,2,x", mixed.dirs()), "'x' is not a positive number");
  says(refused("--strategy flexlora --options rnk=3", mixed.dirs()), "did you mean 'rank'?");
  says(refused("--strategy flexora", mixed.dirs()), "did you mean 'flexlora'?");
  says(refused("--strategy fednova", mixed.dirs()), "how many steps");
  says(refused("--strategy krum --options byzantine=2", mixed.dirs()), "needs at least 7 adapters");
  says(refused("--strategy flora", (mixed.dir / "nowhere").string(), 1), "nowhere");
  fs::create_directories(mixed.dir / "full");
  write_file_atomically(mixed.dir / "full" / "notes.txt", "mine");
  const ProgramRun kept =
      run_program("fennec-coordinator", "aggregate --strategy flora --out " +
                                            (mixed.dir / "full").string() + " " + mixed.dirs());
  CHECK(kept.exit_code == 2);
  CHECK(read_text_file(mixed.dir / "full" / "notes.txt") == "mine");
}

TEST_CASE("aggregate: an earlier result is replaced as a whole") {
  const Mixed mixed;
  REQUIRE(mixed.run("--strategy flora").exit_code == 0);
  REQUIRE(mixed.run("--strategy flexlora --options rank=1").exit_code == 0);
  CHECK(read_peft_directory(mixed.out).config.r == 1);
  int entries = 0;
  for (const auto& entry : fs::directory_iterator(mixed.dir.path()))
    entries += entry.path().filename().string().starts_with(".") ? 1 : 0;
  CHECK(entries == 0);
}
