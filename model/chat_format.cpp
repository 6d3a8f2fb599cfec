#include "model/chat_format.h"

#include <array>

#include "core/error.h"
#include "model/unicode.h"

namespace fennec {
namespace {

bool is_space(char32_t c) {
  return unicode::is(c, unicode::kWhiteSpace) || (c >= 0x1C && c <= 0x1F);  // as Python's str.strip
}

std::string_view trim_end(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded d = unicode::decode_at(text, at);
    at += d.length;
    if (!is_space(d.code_point)) end = at;
  }
  return text.substr(0, end);
}

std::string_view trim(std::string_view text) {
  text = trim_end(text);
  while (!text.empty()) {
    const unicode::Decoded d = unicode::decode_at(text, 0);
    if (!is_space(d.code_point)) break;
    text.remove_prefix(d.length);
  }
  return text;
}

bool is_answer(const ChatMessage& message) { return message.role == "assistant"; }

void require_turns(std::span<const ChatMessage> messages, std::string_view format) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string expected = i % 2 == 0 ? "user" : "assistant";
    if (messages[i].role == expected) continue;
    throw ConfigError(std::string(format) +
                      ": roles must alternate user, assistant, user, …; message " +
                      std::to_string(i + 1) + " is of " + messages[i].role);
  }
}

void refuse_system(const ChatRequest& request, std::string_view format) {
  if (request.messages.front().role == "system")
    throw ConfigError(std::string(format) +
                      " has no system role: put the text at the start of the first user message");
}

void begin(const ChatRequest& request, ChatWriter& out) {
  if (request.begins_with_bos) out.markup(request.surroundings.bos);
}

/// <|im_start|>role\ncontent<|im_end|>\n
void render_chatml(const ChatRequest& request, ChatWriter& out) {
  begin(request, out);
  const auto open = [&](std::string_view role) {
    out.markup("<|im_start|>");
    out.markup(role);
    out.markup("\n");
  };
  if (!request.system.empty() && request.messages.front().role != "system") {
    open("system");
    out.content(request.system);
    out.markup("<|im_end|>\n");
  }
  for (const ChatMessage& message : request.messages) {
    open(message.role);
    out.turn(message, message.content, "<|im_end|>");
    out.markup("\n");
  }
  if (request.add_generation_prompt) open("assistant");
}

void llama3_header(ChatWriter& out, std::string_view role) {
  out.markup("<|start_header_id|>");
  out.markup(role);
  out.markup("<|end_header_id|>\n\n");
}

/// <|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>
void llama3_turns(const ChatRequest& request, std::span<const ChatMessage> messages, ChatWriter& out) {
  for (const ChatMessage& message : messages) {
    llama3_header(out, message.role);
    out.turn(message, trim(message.content), "<|eot_id|>");
  }
  if (request.add_generation_prompt) llama3_header(out, "assistant");
}

void render_llama3(const ChatRequest& request, ChatWriter& out) {
  out.markup(request.surroundings.bos);
  llama3_turns(request, request.messages, out);
}

/// As Llama 3, with a system block always, which tells the date.
void render_llama31(const ChatRequest& request, ChatWriter& out) {
  const bool has_system = request.messages.front().role == "system";
  out.markup(request.surroundings.bos);
  llama3_header(out, "system");
  out.markup("Cutting Knowledge Date: December 2023\nToday Date: ");
  out.content(request.surroundings.date);
  out.markup("\n\n");
  out.content(has_system ? trim(request.messages.front().content) : "");
  out.markup("<|eot_id|>");
  llama3_turns(request, request.messages.subspan(has_system ? 1 : 0), out);
}

/// <|role|>\ncontent end \n
void angle_turns(const ChatRequest& request, std::string_view end, ChatWriter& out) {
  begin(request, out);
  for (const ChatMessage& message : request.messages) {
    out.markup("<|" + message.role + "|>\n");
    out.turn(message, message.content, end);
    out.markup("\n");
  }
  if (request.add_generation_prompt) out.markup("<|assistant|>\n");
}

void render_phi3(const ChatRequest& request, ChatWriter& out) {
  ChatRequest told = request;
  const ChatMessage& first = request.messages.front();
  if (first.role == "system" && first.content.empty()) told.messages = told.messages.subspan(1);
  angle_turns(told, "<|end|>", out);
  if (!request.add_generation_prompt && request.ends_with_eos) out.markup(request.surroundings.eos);
}

void render_zephyr(const ChatRequest& request, ChatWriter& out) {
  angle_turns(request, request.surroundings.eos, out);
}

/// <s>[INST] <<SYS>>\nsystem\n<</SYS>>\n\nuser [/INST] assistant </s>, with <s> before every user turn.
void render_llama2(const ChatRequest& request, ChatWriter& out) {
  const bool has_system = request.messages.front().role == "system";
  const auto turns = request.messages.subspan(has_system ? 1 : 0);
  require_turns(turns, "llama2");
  if (turns.empty()) throw ConfigError("llama2: a system message needs a user message after it");
  for (const ChatMessage& message : turns) {
    if (is_answer(message)) {
      out.answer(" ", trim(message.content), " " + request.surroundings.eos);
      continue;
    }
    out.markup(request.surroundings.bos + "[INST] ");
    const bool opens = has_system && &message == &turns.front();
    if (opens) {
      out.markup("<<SYS>>\n");
      out.content(request.messages.front().content);
      out.markup(trim(message.content).empty() ? "\n<</SYS>>" : "\n<</SYS>>\n\n");
    }
    out.content(opens ? trim_end(message.content) : trim(message.content));
    out.markup(" [/INST]");
  }
}

/// <s>[INST] user [/INST]assistant</s>
void render_mistral(const ChatRequest& request, ChatWriter& out) {
  refuse_system(request, "mistral");
  require_turns(request.messages, "mistral");
  out.markup(request.surroundings.bos);
  for (const ChatMessage& message : request.messages) {
    if (is_answer(message)) {
      out.answer("", message.content, request.surroundings.eos);
      continue;
    }
    out.markup("[INST] ");
    out.content(message.content);
    out.markup(" [/INST]");
  }
}

/// <bos><start_of_turn>user|model\ncontent<end_of_turn>\n
void render_gemma(const ChatRequest& request, ChatWriter& out) {
  refuse_system(request, "gemma");
  require_turns(request.messages, "gemma");
  out.markup(request.surroundings.bos);
  for (const ChatMessage& message : request.messages) {
    out.markup(is_answer(message) ? "<start_of_turn>model\n" : "<start_of_turn>user\n");
    out.turn(message, trim(message.content), "<end_of_turn>");
    out.markup("\n");
  }
  if (request.add_generation_prompt) out.markup("<start_of_turn>model\n");
}

constexpr std::array kFormats = {
    ChatFormat{"chatml", "<|im_start|>", "<|im_end|>", "<|im_end|>", render_chatml},
    ChatFormat{"llama3.1", "<|start_header_id|>", "Cutting Knowledge Date", "<|eot_id|>",
               render_llama31},
    ChatFormat{"llama3", "<|start_header_id|>", "<|eot_id|>", "<|eot_id|>", render_llama3},
    ChatFormat{"gemma", "<start_of_turn>", "<end_of_turn>", "<end_of_turn>", render_gemma},
    ChatFormat{"phi3", "<|user|>", "<|end|>", "<|end|>", render_phi3},
    ChatFormat{"zephyr", "<|user|>", "eos_token", "", render_zephyr},
    ChatFormat{"llama2", "[INST]", "<<SYS>>", "", render_llama2},
    ChatFormat{"mistral", "[INST]", "eos_token", "", render_mistral},
};

}  // namespace

void ChatWriter::markup(std::string_view text) {
  if (text.empty()) return;
  const std::size_t begin = chat_.text.size();
  chat_.text += text;
  // Grown, not appended: a token may be spelled by two pieces.
  if (!chat_.markup.empty() && chat_.markup.back().end == begin)
    chat_.markup.back().end = chat_.text.size();
  else
    chat_.markup.push_back({begin, chat_.text.size()});
}

void ChatWriter::content(std::string_view text) { chat_.text += text; }

void ChatWriter::answer(std::string_view before, std::string_view words, std::string_view after) {
  const std::size_t begin = chat_.text.size();
  markup(before);
  content(words);
  markup(after);
  chat_.answers.push_back({begin, chat_.text.size()});
}

void ChatWriter::turn(const ChatMessage& message, std::string_view words, std::string_view end) {
  if (is_answer(message)) return answer("", words, end);
  content(words);
  markup(end);
}

std::span<const ChatFormat> chat_formats() { return kFormats; }

}  // namespace fennec
