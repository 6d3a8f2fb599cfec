#pragma once
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/corpus.h"
#include "model/tokenizer.h"

namespace fennec {

/// A corpus document as token ids, end-of-text included; answer[i] says that ids[i] belongs to an
/// answer (the end-of-text after one does too).
struct PretrainDocument {
  std::vector<TokenId> ids;
  std::vector<bool> answer;
  std::vector<std::size_t> answer_ends;  ///< one past the last token of each answer
};
PretrainDocument tokenize_document(const Tokenizer& tokenizer, const CorpusDocument& document,
                                   std::size_t max_tokens);

/// Documents of like length, one a row, padded at the end. Rows of one document need no segment mask,
/// and like lengths little padding: attention costs a third of what rows packed to the longest document
/// would.
struct PretrainBatch {
  at::Tensor ids;      ///< [B, T] int64
  at::Tensor targets;  ///< [B·T] int64, the next token; 0 where there is none
  at::Tensor weights;  ///< [B·T] float: context_weight, 1 for answer tokens, 0 for padding
  at::Tensor answers;  ///< [B·T] bool: the target is an answer token
  double weight_sum = 0;
  std::int64_t tokens = 0;  ///< without padding
};

/// Sorts the documents by length and cuts them into `parts` batches of about equal work.
std::vector<PretrainBatch> make_batches(std::vector<PretrainDocument> documents, std::size_t parts,
                                        double context_weight, TokenId pad);

}  // namespace fennec
