// What is simulated is what is deployed: one experiment, once as processes over the encrypted transport
// and once on virtual time, makes the same adapter byte for byte.
#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "core/files.h"
#include "tests/support/program.h"
#include "tests/support/shared.h"

using namespace fennec;
using fennec::test::run_program;

namespace {

/// Enrols every prepared device, then serves the run to its end with one client process a device.
constexpr const char* kLive = R"(set -e
cd "$1"; bin=$2
export OMP_NUM_THREADS=1
"$bin/fennec-coordinator" init run --config x.yaml
for device in data/*; do
  name=$(basename "$device")
  "$bin/fennec-coordinator" enroll run "$name" --out "$name.bundle"
  timeout 200 "$bin/fennec-client" run --bundle "$name.bundle" --data "$device" >"$name.log" 2>&1 &
done
timeout 200 "$bin/fennec-coordinator" serve run
wait
)";

/// @param lora, aggregation  the sections, in YAML's flow style  @param train  more of that one
void check_twins(const std::string& lora, const std::string& aggregation,
                 const std::string& train = "") {
  test::TempDir dir;
  const std::string data = (dir / "data").string();
  const auto prepared = run_program(
      "fennec-client", "prepare --world home,wearable,pump --count 3 --examples 40 --out " + data);
  REQUIRE(prepared.exit_code == 0);
  std::ofstream(dir / "x.yaml")
      << "name: twin\nmodel: {base: " << test::shared("pretrained/stories260K").string() << "}\n"
      << "lora: " << lora << "\ntrain: {local_steps: 2, batch_tokens: 256, max_sequence_tokens: 256"
      << train << "}\nprivacy: {clip_norm: 0.4}\naggregation: " << aggregation << "\n"
      << "rounds: {total: 3, cohort_size: 2, min_available: 3, deadline_s: 150}\n"
      << "transport: {listen: \"tcp://127.0.0.1:*\"}\n";
  std::ofstream(dir / "live.sh") << kLive;
  const std::string live = "bash " + (dir / "live.sh").string() + " " + dir.path().string() + " " +
                           FENNEC_BIN + " >" + (dir / "live.log").string() + " 2>&1";
  const int status = std::system(live.c_str());
  CAPTURE(read_text_file(dir / "live.log"));
  REQUIRE(status == 0);
  const auto simulated =
      run_program("fennec-sim", "run " + (dir / "x.yaml").string() + " --set data.prepared=" + data +
                                    " --out " + (dir / "sim").string());
  CAPTURE(simulated.err);
  REQUIRE(simulated.exit_code == 0);
  for (const char* file : {"adapter_model.safetensors", "adapter_config.json"}) {
    CAPTURE(std::string(file));
    CHECK(read_text_file(dir / "run" / "adapters" / "0003" / file) ==
          read_text_file(dir / "sim" / "adapter" / file));
  }
}

}  // namespace

TEST_CASE("a simulation makes the adapter that the deployment makes, byte for byte") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  check_twins("{rank: 4}", "{server_optimizer: fedavgm, server_momentum: 0.5}");
}

TEST_CASE("so it does with halves in turn and a codec that keeps what it leaves out") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  check_twins("{rank: 4}", "{strategy: rolora, codec: \"topk(0.1)+int8+zstd\"}");
}

TEST_CASE("so it does with versions that go down as steps") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  check_twins("{rank: 4}", "{strategy: rolora, downlink: int4+zstd, codec: int8}");
}

TEST_CASE("so it does with a branch that absorbs the adapter in between") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  check_twins("{rank: 4}",
              "{strategy: rolora, rule: {absorb_every: 2, absorb_rank: 6}, codec: \"topk(0.1)+int8\"}");
}

TEST_CASE("so it does when only half of the adapter is trained and travels") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  check_twins("{rank: 4, method: ffa_lora}", "{server_optimizer: fedavgm, server_momentum: 0.5}");
}

TEST_CASE("so it does with control variates, which devices keep and the coordinator hands out") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  check_twins("{rank: 4}", "{strategy: scaffold, rule: {population: 3}, codec: int8+zstd}",
              ", optimizer: sgd, learning_rate: 0.5");
}
