#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "model/tokenizer.h"

namespace fennec {

/// Ids of the tokens that begin, end and pad a text.
struct SpecialIds {
  TokenId bos = -1, pad = 0;
  std::vector<TokenId> eos;
  std::vector<TokenId> stop;  ///< generation_config.json's eos ids; eos if it has none
};

/// From tokenizer_config.json (token contents, looked up through `id_of`), then generation_config.json
/// and config.json (ids) in `dir`; all are optional. What tokenizer_config.json sets to null stays
/// unset, except for eos, whose first is tokenizer_config.json's and which gathers all stop tokens.
/// Ids of `vocab_size` or more are passed over.
SpecialIds read_special_ids(const std::filesystem::path& dir,
                            const std::function<TokenId(const std::string&)>& id_of,
                            std::size_t vocab_size);

/// The source of the chat template in `dir`: chat_template.jinja, else tokenizer_config.json's
/// `chat_template` (a string, or of a list of {"name", "template"} the one named "default"). Empty
/// without one. IoError when it is something else.
std::string read_chat_template(const std::filesystem::path& dir);

}  // namespace fennec
