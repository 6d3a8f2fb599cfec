#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/rng.h"
#include "data/example_io.h"
#include "model/bpe_trainer.h"
#include "model/llama.h"
#include "model/save_checkpoint.h"
#include "tests/support/temp_dir.h"

namespace fennec::test {

/// A child process, its output in a file; killed when it goes out of scope.
class Process {
 public:
  Process(std::vector<std::string> argv, std::filesystem::path output) : output_(std::move(output)) {
    std::vector<char*> args;
    for (std::string& arg : argv) args.push_back(arg.data());
    args.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that crashes leaves nothing behind
      const int fd = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(fd, 1);
      ::dup2(fd, 2);
      ::setenv("OMP_NUM_THREADS", "1", 1);
      ::execv(args[0], args.data());
      ::_exit(127);
    }
  }
  Process(Process&& other) noexcept
      : output_(std::move(other.output_)), pid_(std::exchange(other.pid_, -1)) {}
  Process& operator=(Process&& other) noexcept {
    kill();
    output_ = std::move(other.output_);
    pid_ = std::exchange(other.pid_, -1);
    return *this;
  }
  ~Process() { kill(); }

  void kill() {  ///< kill -9, and gone when it returns
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// The exit code once it has ended by itself; nothing while it runs.
  std::optional<int> ended() {
    if (pid_ <= 0) return exit_;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    pid_ = -1;
    exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return exit_;
  }
  std::string output() const { return std::filesystem::exists(output_) ? read_text_file(output_) : ""; }

 private:
  std::filesystem::path output_;
  pid_t pid_ = -1;
  std::optional<int> exit_;
};

/// Looks every few milliseconds; the limit only ends a failing test.
template <class F>
bool eventually(F&& done, double limit_s = 240) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(limit_s);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

inline std::vector<Example> switch_examples(int device, int count) {
  std::vector<Example> examples;
  RandomStream random(Seed(5).child("e2e", static_cast<std::uint64_t>(device)));
  for (int i = 0; i < count; ++i) {
    const int level = static_cast<int>(random.below(10));
    Example e;
    e.device_id = "c" + std::to_string(device);
    e.prompt = "secretlevel " + std::to_string(level) + "\nstate:";
    e.completion = level < 5 ? " off" : " on";
    e.task = "switch";
    e.kind = TaskKind::kLabel;
    e.slots = {{"state", "", {"off", "on"}}};
    examples.push_back(std::move(e));
  }
  return examples;
}

/// A random Llama of a few thousand parameters with a tokenizer of its own.
inline void write_tiny_base(const std::filesystem::path& dir) {
  BpeTrainerConfig config;
  config.vocab_size = 300;
  BpeTrainer trainer(config);
  for (const Example& e : switch_examples(0, 50)) trainer.add(e.prompt + e.completion);
  LlamaConfig llama;
  llama.vocab_size = static_cast<std::int64_t>(trainer.write(dir));
  llama.hidden_size = 32;
  llama.intermediate_size = 64;
  llama.num_layers = 2;
  llama.num_heads = llama.num_kv_heads = 2;
  llama.head_dim = 16;
  llama.bos_token_id = llama.eos_token_id = 0;
  save_checkpoint(*new_llama(llama, Seed(9)), dir, Dtype::kF32);
}

/// A run on disk with its devices: everything that real processes need, in one temporary directory.
class Federation {
 public:
  explicit Federation(int clients, int rounds = 5, const std::string& extra_rounds = "",
                      const std::string& extra = "", int local_steps = 8) {
    write_tiny_base(dir_ / "base");
    write_file_atomically(dir_ / "x.yaml",
                          "name: e2e\nseed: 7\nmodel: {base: " + (dir_ / "base").string() +
                              "}\nlora: {rank: 2, alpha: 4}\n"
                              "train: {learning_rate: 0.01, local_steps: " +
                              std::to_string(local_steps) +
                              ", batch_tokens: 128, "
                              "max_sequence_tokens: 64, checkpoint_steps: 1}\n"
                              "rounds: {total: " +
                              std::to_string(rounds) + ", deadline_s: 60" + extra_rounds +
                              "}\ntransport: {listen: \"tcp://127.0.0.1:*\", heartbeat_s: 1, "
                              "peer_timeout_s: 10, chunk_bytes: 4096}\n" +
                              extra);
    coordinator_command({"init", run().string(), "--config", (dir_ / "x.yaml").string()});
    for (int i = 0; i < clients; ++i) {
      write_device_data(dir_ / "data", {name(i), switch_examples(i, 24), switch_examples(i + 100, 6)});
      enroll(name(i));
    }
  }

  static std::string name(int i) { return "c" + std::to_string(i); }
  std::filesystem::path run() const { return dir_ / "run"; }
  std::filesystem::path file(const std::string& n) const { return dir_ / n; }
  std::filesystem::path bundle(const std::string& client) const { return dir_ / (client + ".bundle"); }
  std::filesystem::path state(int i) const { return bundle(name(i)).string() + ".state"; }

  void enroll(const std::string& client) {
    coordinator_command({"enroll", run().string(), client, "--out", bundle(client).string()});
  }
  void coordinator_command(std::vector<std::string> args) {
    args.insert(args.begin(), FENNEC_BIN "/fennec-coordinator");
    Process process(std::move(args), dir_ / "command.log");
    if (!eventually([&] { return process.ended().has_value(); }) || process.ended() != 0)
      throw IoError("fennec-coordinator failed: " + process.output());
  }
  Process serve() {
    return Process({FENNEC_BIN "/fennec-coordinator", "serve", run().string()},
                   dir_ / "coordinator.log");
  }
  Process client(int i) { return client(i, bundle(name(i))); }
  Process client(int i, const std::filesystem::path& with) {
    return Process({FENNEC_BIN "/fennec-client", "run", "--json", "--bundle", with.string(), "--data",
                    (dir_ / "data" / name(i)).string(), "--state", state(i).string()},
                   dir_ / (name(i) + ".log"));
  }
  std::string coordinator_log() const { return text("coordinator.log"); }
  std::string client_log(int i) const { return text(name(i) + ".log"); }
  std::vector<std::byte> adapter(int version) const {
    std::string n = std::to_string(version);
    n.insert(0, 4 - n.size(), '0');
    return read_binary_file(run() / "adapters" / n / "adapter_model.safetensors");
  }

 private:
  std::string text(const std::string& n) const {
    return std::filesystem::exists(dir_ / n) ? read_text_file(dir_ / n) : "";
  }
  TempDir dir_;
};

inline int occurrences(const std::string& text, const std::string& part) {
  int n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

}  // namespace fennec::test
