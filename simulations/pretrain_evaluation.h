#pragma once
#include <map>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "model/causal_lm.h"
#include "model/tokenizer.h"
#include "simulations/pretrain_config.h"
#include "simulations/pretrain_step.h"

namespace fennec {

/// Documents that training never sees, and how well they are predicted.
struct HeldOut {
  std::vector<std::string> families;  ///< of each document
  std::vector<PretrainDocument> documents;
};
HeldOut make_held_out(const Tokenizer& tokenizer, const PretrainConfig& config);

struct FamilyScore {
  PretrainLoss loss;
  std::int64_t answers = 0, exact = 0;  ///< exact: each token of the answer is the most likely one
};

struct HeldOutScore {
  PretrainLoss loss;
  std::int64_t answers = 0, exact = 0;
  std::map<std::string, FamilyScore> by_family;
  double accuracy() const {
    return answers > 0 ? static_cast<double>(exact) / static_cast<double>(answers) : 0;
  }
};
HeldOutScore evaluate_held_out(const CausalLm& model, const HeldOut& held_out, TokenId pad);

}  // namespace fennec
