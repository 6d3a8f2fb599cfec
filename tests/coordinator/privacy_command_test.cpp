// The real program, as an operator calls it.
#include <doctest/doctest.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using fennec::test::ProgramRun;
using nlohmann::json;

namespace {

ProgramRun privacy(const std::string& arguments) {
  return fennec::test::run_program("fennec-coordinator", "privacy " + arguments);
}

json object(const std::string& arguments) {
  const ProgramRun run = privacy(arguments + " --json");
  CAPTURE(run.err);
  REQUIRE(run.exit_code == 0);
  return json::parse(run.out);
}

}  // namespace

TEST_CASE("privacy epsilon: rows of the published tables, with what they mean") {
  const json rdp =
      object("epsilon --sampling-rate 0.04 --noise-multiplier 1.5 --steps 2250 --delta 1e-5");
  CHECK(rdp["epsilon"].get<double>() == doctest::Approx(7.3291111715).epsilon(1e-9));
  CHECK(rdp["order"] == 3.9);
  for (const char* key : {"unit", "neighbouring", "sampling", "adversary"})
    CHECK(!rdp[key].get<std::string>().empty());
  const json pld = object(
      "epsilon --sampling-rate 0.1 --noise-multiplier 1 --steps 100 --delta 1e-5 --accountant pld");
  CHECK(pld["epsilon"].get<double>() == doctest::Approx(7.0466).epsilon(1e-4));
  const json zcdp = object("epsilon --noise-multiplier 1 --steps 1 --delta 1e-5 --accountant zcdp");
  CHECK(zcdp["epsilon"].get<double>() == doctest::Approx(4.728386988).epsilon(1e-7));
  const json tree = object("epsilon --noise-multiplier 7 --steps 2000 --delta 1e-6 --mechanism tree");
  CHECK(tree["epsilon"].get<double>() == doctest::Approx(2.281145226).epsilon(1e-8));
  const ProgramRun text = privacy("epsilon --noise-multiplier 5 --steps 100 --delta 1e-6");
  CHECK(text.exit_code == 0);
  CHECK(text.out.find("11.6886") != std::string::npos);
  CHECK(text.out.find("the coordinator is trusted") != std::string::npos);
}

TEST_CASE("privacy plan: the multiplier keeps the promise, and less would not") {
  const std::string question =
      "plan --epsilon 2 --delta 1e-6 --rounds 500 --cohort 64 --population 10000";
  const json plan = object(question);
  const double z = plan["noise_multiplier"];
  const auto epsilon = [](double multiplier) {
    return object("epsilon --sampling-rate 0.0064 --steps 500 --delta 1e-6 --noise-multiplier " +
                  std::to_string(multiplier))["epsilon"]
        .get<double>();
  };
  CHECK(epsilon(z + 1e-5) <= 2);
  CHECK(epsilon(z - 1e-5) > 2);
  CHECK(plan["noise_per_coordinate_over_clip"].get<double>() == doctest::Approx(z / 64));
  CHECK(object(question + " --accountant pld")["noise_multiplier"] < z);
  CHECK(object(question + " --sampling fixed")["noise_multiplier"] > 10 * z);
  CHECK(object(question + " --mechanism local")["noise_per_coordinate_over_clip"].get<double>() > z);
  const ProgramRun text = privacy(question);
  for (const char* part : {"noise multiplier", "add or remove", "Poisson", "against"})
    CHECK(text.out.find(part) != std::string::npos);
  const ProgramRun weak =
      privacy("plan --epsilon 2 --delta 1e-3 --rounds 5 --cohort 64 --population 10000");
  CHECK(weak.out.find("warning: delta") != std::string::npos);
}

TEST_CASE("privacy plan: noise from the devices is wider by who may be missing") {
  const std::string question =
      "plan --epsilon 4 --delta 1e-6 --rounds 50 --cohort 100 --population 100 ";
  const json central = object(question + "--sampling fixed"),
             distributed = object(question + "--mechanism distributed"),
             calm = object(question + "--mechanism distributed --dropouts 0 --corrupt 0");
  CHECK(distributed["noise_multiplier"] == central["noise_multiplier"]);
  const double z = central["noise_multiplier"];
  CHECK(calm["noise_per_coordinate_over_clip"].get<double>() == doctest::Approx(z / 100));
  CHECK(distributed["noise_per_coordinate_over_clip"].get<double>() ==
        doctest::Approx(z / std::sqrt(100.0 * 60)));
  CHECK(distributed["adversary"].get<std::string>().find("coordinator") != std::string::npos);
  CHECK(object(question + "--mechanism distributed --accountant zcdp")["noise_multiplier"] <= z);
  CHECK(privacy(question + "--mechanism distributed --accountant pld").exit_code == 2);
  CHECK(privacy(question + "--mechanism distributed --corrupt 0.9").exit_code == 2);
}

TEST_CASE("privacy: what cannot be accounted for is refused with the reason, exit code 2") {
  for (const char* wrong :
       {"", "epsilon", "epsilon --noise-multiplier 1 --steps 1 --delta 2",
        "epsilon --noise-multiplier 0 --steps 1 --delta 1e-5",
        "epsilon --noise-multiplier 1 --steps 0 --delta 1e-5",
        "epsilon --noise-multiplier 1 --steps 1 --delta 1e-5 --sampling-rate 0.1 --accountant zcdp",
        "epsilon --noise-multiplier 1 --steps 1 --delta 1e-5 --sampling-rate 0.1 --mechanism tree",
        "plan --epsilon 2 --delta 1e-6 --rounds 500 --cohort 64 --population 10",
        "plan --epsilon 2 --delta 1e-6 --rounds 500 --cohort 64 --population 100 --accountant "
        "moments"}) {
    CAPTURE(std::string(wrong));
    const ProgramRun run = privacy(wrong);
    CHECK(run.exit_code == 2);
    CHECK(!run.err.empty());
  }
}

TEST_CASE("privacy: help teaches by example") {
  for (const char* help : {"--help", "epsilon --help", "plan --help"}) {
    const ProgramRun run = privacy(help);
    CHECK(run.exit_code == 0);
    CHECK(run.out.find("fennec-coordinator privacy plan --epsilon 2") != std::string::npos);
  }
}
