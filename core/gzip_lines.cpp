#include <zlib.h>

#include <fstream>
#include <memory>

#include "core/error.h"
#include "core/files.h"

namespace fennec {

namespace {

constexpr std::size_t kChunk = 1 << 16;

/// Cuts a stream of chunks into lines; a line inside one chunk is passed on without a copy.
class LineSplitter {
 public:
  explicit LineSplitter(const std::function<void(std::size_t, std::string_view)>& line) : line_(line) {}

  void feed(std::string_view text) {
    for (std::size_t end; (end = text.find('\n')) != std::string_view::npos;
         text.remove_prefix(end + 1)) {
      if (carried_.empty()) {
        emit(text.substr(0, end));
      } else {
        carried_ += text.substr(0, end);
        emit(carried_);
        carried_.clear();
      }
    }
    carried_ += text;
  }

  void finish() {
    if (!carried_.empty()) emit(carried_);
  }

 private:
  void emit(std::string_view text) {
    if (text.ends_with('\r')) text.remove_suffix(1);
    line_(++number_, text);
  }

  const std::function<void(std::size_t, std::string_view)>& line_;
  std::string carried_;
  std::size_t number_ = 0;
};

/// Streaming gunzip of one or more concatenated members (RFC 1952).
class Gunzip {
 public:
  explicit Gunzip(std::string file) : file_(std::move(file)) {
    if (::inflateInit2(&stream_, 15 + 16) != Z_OK) throw IoError(file_ + ": zlib cannot start");
  }
  ~Gunzip() { ::inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  void feed(std::string_view compressed, LineSplitter& out) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
    stream_.avail_in = static_cast<uInt>(compressed.size());
    while (stream_.avail_in > 0 || more_output_) {
      if (member_ended_) begin_member();
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        throw IoError(file_ +
                      ": damaged gzip data: " + (stream_.msg != nullptr ? stream_.msg : "unknown"));
      out.feed(std::string_view(buffer_.data(), buffer_.size() - stream_.avail_out));
      member_ended_ = status == Z_STREAM_END;
      more_output_ = !member_ended_ && stream_.avail_out == 0;
    }
  }

  void finish() const {
    if (!member_ended_) throw IoError(file_ + ": truncated gzip stream");
  }

 private:
  void begin_member() {
    if (::inflateReset(&stream_) != Z_OK) throw IoError(file_ + ": zlib cannot restart");
    member_ended_ = false;
  }

  std::string file_;
  ::z_stream stream_{};
  std::vector<char> buffer_ = std::vector<char>(kChunk);
  bool member_ended_ = false, more_output_ = false;
};

}  // namespace

void for_each_line(const std::filesystem::path& file,
                   const std::function<void(std::size_t, std::string_view)>& line) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw IoError(file.string() + ": cannot be opened");
  LineSplitter lines(line);
  std::unique_ptr<Gunzip> gunzip;
  std::vector<char> chunk(kChunk);
  for (bool first = true;; first = false) {
    in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    const std::string_view text(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (text.empty()) break;
    if (first && text.starts_with("\x1f\x8b")) gunzip = std::make_unique<Gunzip>(file.string());
    if (gunzip)
      gunzip->feed(text, lines);
    else
      lines.feed(text);
  }
  if (in.bad() || !in.eof()) throw IoError(file.string() + ": read error");
  if (gunzip) gunzip->finish();
  lines.finish();
}

}  // namespace fennec
