#include "model/text_stream.h"

namespace fennec {

std::string TextStream::add(TokenId id) {
  const auto token = tokenizer_.token_of(id);
  if (!token || (skip_special_ && tokenizer_.is_special(id))) return {};
  return decoder_.add({std::string(*token)}, /*last=*/false);
}

}  // namespace fennec
