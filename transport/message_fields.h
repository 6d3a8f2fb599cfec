#pragma once
#include <cstdint>
#include <limits>

#include "transport/messages.h"

namespace fennec {

// The one list of what each message carries: writer, reader and docs/protocol.md follow it. A visitor
// has text(name, value, max_bytes), lines (text that may hold newlines), digest(name, value,
// may_be_empty), integer(name, value, max), word(name, value), real(name, value, max), metrics(name,
// value), code(name, value), kind(name, value), and optional_integer and optional_digest, which are
// absent when 0 or empty.

inline constexpr std::size_t kMaxNameBytes = 128;
inline constexpr std::size_t kMaxReasonBytes = 1024;
inline constexpr std::size_t kMaxExperimentBytes = 48 * 1024;
inline constexpr std::size_t kMaxMetricNameBytes = 256;
inline constexpr std::size_t kMaxMetrics = 2048;
inline constexpr std::int64_t kMaxCount = std::int64_t{1} << 48;
inline constexpr std::int64_t kMaxChunksAsked = 256;
inline constexpr double kMaxSeconds = 1e9;

template <class V>
void wire_fields(V& v, Hello& m) {
  v.text("run", m.run_id, kMaxNameBytes);
  v.digest("base", m.base_digest, false);
  v.integer("train_examples", m.train_examples, kMaxCount);
  v.integer("memory_bytes", m.memory_bytes, kMaxCount);
  v.integer("cores", m.cores, 65536);
}

template <class V>
void wire_fields(V& v, UpdateOffer& m) {
  v.integer("round", m.round.value, kMaxCount);
  v.integer("base_version", m.base_version.value, kMaxCount);
  v.text("codec", m.codec, kMaxNameBytes);
  v.digest("layout", m.layout_digest, false);
  v.integer("num_examples", m.num_examples, kMaxCount);
  v.integer("supervised_tokens", m.supervised_tokens, kMaxCount);
  v.integer("steps", m.steps, kMaxCount);
  v.real("train_seconds", m.train_seconds, kMaxSeconds);
  v.metrics("metrics", m.metrics);
  v.integer("payload_bytes", m.payload_bytes, kMaxCount);
  v.digest("payload_sha256", m.payload_sha256, false);
}

template <class V>
void wire_fields(V& v, EvaluationReport& m) {
  v.integer("round", m.round.value, kMaxCount);
  v.integer("version", m.version.value, kMaxCount);
  v.integer("num_examples", m.num_examples, kMaxCount);
  v.integer("supervised_tokens", m.supervised_tokens, kMaxCount);
  v.metrics("metrics", m.metrics);
}

template <class V>
void wire_fields(V& v, TrainingFailed& m) {
  v.integer("round", m.round.value, kMaxCount);
  v.code("code", m.code);
  v.text("reason", m.reason, kMaxReasonBytes);
}

template <class V>
void wire_fields(V& v, SecureReady& m) {
  v.integer("round", m.round.value, kMaxCount);
  v.integer("base_version", m.base_version.value, kMaxCount);
  v.word("seed", m.seed);
}

template <class V>
void wire_fields(V& v, SecureVector& m) {
  v.integer("round", m.round.value, kMaxCount);
  v.integer("payload_bytes", m.payload_bytes, kMaxCount);
  v.digest("payload_sha256", m.payload_sha256, false);
}

template <class V>
void wire_fields(V& v, SecureFrame& m) {
  v.integer("round", m.round.value, kMaxCount);
}

template <class V>
void wire_fields(V&, Goodbye&) {}
template <class V>
void wire_fields(V&, Ping&) {}
template <class V>
void wire_fields(V&, Pong&) {}

template <class V>
void wire_fields(V& v, Welcome& m) {
  v.text("run", m.run_id, kMaxNameBytes);
  v.lines("experiment", m.experiment_yaml, kMaxExperimentBytes);
  v.integer("version", m.version.value, kMaxCount);
}

template <class V>
void wire_fields(V& v, RoundPlan& m) {
  v.integer("round", m.round.value, kMaxCount);
  v.kind("kind", m.kind);
  v.integer("version", m.version.value, kMaxCount);
  v.integer("adapter_bytes", m.adapter_bytes, kMaxCount);
  v.digest("adapter_sha256", m.adapter_sha256, true);
  v.word("seed", m.seed);
  v.real("deadline_s", m.deadline_s, kMaxSeconds);
  v.optional_integer("step_bytes", m.step_bytes, kMaxCount);
  v.optional_digest("step_sha256", m.step_sha256);
}

template <class V>
void wire_fields(V& v, UpdateAccepted& m) {
  v.integer("round", m.round.value, kMaxCount);
  v.digest("payload_sha256", m.payload_sha256, false);
}

template <class V>
void wire_fields(V& v, UpdateRejected& m) {
  v.integer("round", m.round.value, kMaxCount);
  v.code("code", m.code);
  v.text("reason", m.reason, kMaxReasonBytes);
}

template <class V>
void wire_fields(V& v, Wait& m) {
  v.real("retry_after_s", m.retry_after_s, kMaxSeconds);
}

template <class V>
void wire_fields(V& v, Finished& m) {
  v.integer("version", m.version.value, kMaxCount);
}

template <class V>
void wire_fields(V& v, Refused& m) {
  v.code("code", m.code);
  v.text("reason", m.reason, kMaxReasonBytes);
}

template <class V>
void wire_fields(V& v, BulkRequest& m) {
  v.text("transfer", m.transfer, kMaxNameBytes);
  v.integer("offset", m.offset, kMaxCount);
  v.integer("chunks", m.chunks, kMaxChunksAsked);
}

template <class V>
void wire_fields(V& v, BulkChunk& m) {
  v.text("transfer", m.transfer, kMaxNameBytes);
  v.integer("offset", m.offset, kMaxCount);
  v.integer("total_bytes", m.total_bytes, kMaxCount);
}

}  // namespace fennec
