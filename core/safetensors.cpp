#include "core/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <tuple>
#include <utility>

#include "core/safetensors_header.h"

namespace fennec {

namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

std::uint64_t read_u64_le(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

/// Bytes that dtype and shape ask for, or nothing when that overflows.
std::optional<std::uint64_t> byte_size(const SafetensorsEntry& entry) {
  std::uint64_t size = byte_width(entry.dtype);
  for (const std::int64_t dim : entry.shape)
    if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(dim), &size)) return std::nullopt;
  return size;
}

/// Tensors must cover the data exactly: sorted, no hole, no overlap, no rest.
Result<void> check_offsets(const std::vector<SafetensorsEntry>& entries, std::uint64_t data_bytes) {
  std::uint64_t next = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != next || entry.end < entry.begin)
      return fail(ErrorCode::kMalformed,
                  "tensor '" + entry.name + "': its data does not follow the one before");
    if (entry.end > data_bytes)
      return fail(ErrorCode::kMalformed, "tensor '" + entry.name + "': its data ends beyond the file");
    const auto size = byte_size(entry);
    if (!size || *size != entry.end - entry.begin)
      return fail(ErrorCode::kMalformed,
                  "tensor '" + entry.name + "': shape and data_offsets disagree");
    next = entry.end;
  }
  if (next != data_bytes)
    return fail(ErrorCode::kMalformed,
                std::to_string(data_bytes - next) + " bytes after the last tensor");
  return {};
}

}  // namespace

std::size_t byte_width(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool:
    case Dtype::kU8:
    case Dtype::kI8:
      return 1;
    case Dtype::kI16:
    case Dtype::kU16:
    case Dtype::kF16:
    case Dtype::kBf16:
      return 2;
    case Dtype::kI32:
    case Dtype::kU32:
    case Dtype::kF32:
      return 4;
    case Dtype::kF64:
    case Dtype::kI64:
    case Dtype::kU64:
      return 8;
  }
  return 0;
}

std::string_view to_string(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool:
      return "BOOL";
    case Dtype::kU8:
      return "U8";
    case Dtype::kI8:
      return "I8";
    case Dtype::kI16:
      return "I16";
    case Dtype::kU16:
      return "U16";
    case Dtype::kF16:
      return "F16";
    case Dtype::kBf16:
      return "BF16";
    case Dtype::kI32:
      return "I32";
    case Dtype::kU32:
      return "U32";
    case Dtype::kF32:
      return "F32";
    case Dtype::kF64:
      return "F64";
    case Dtype::kI64:
      return "I64";
    case Dtype::kU64:
      return "U64";
  }
  return "?";
}

std::size_t TensorView::element_count() const { return bytes.size() / byte_width(dtype); }

/// A read-only memory map of a whole file.
class Safetensors::Mapping {
 public:
  explicit Mapping(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      throw IoError(file.string() + ": cannot be opened: " + std::generic_category().message(errno));
    struct ::stat info {};
    if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
      size_ = static_cast<std::size_t>(info.st_size);
      if (size_ > 0) address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    } else {
      address_ = MAP_FAILED;
    }
    ::close(fd);
    if (address_ == MAP_FAILED) throw IoError(file.string() + ": cannot be mapped into memory");
  }
  ~Mapping() {
    if (address_ != nullptr) ::munmap(address_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }
  /// Drops the whole pages inside `part` from this process.
  void release(std::span<const std::byte> part) const {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = static_cast<std::size_t>(part.data() - bytes().data());
    const std::size_t first = (begin + page - 1) / page * page,
                      end = (begin + part.size()) / page * page;
    if (first < end) ::madvise(static_cast<std::byte*>(address_) + first, end - first, MADV_DONTNEED);
  }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

Safetensors::Safetensors(Safetensors&&) noexcept = default;
Safetensors& Safetensors::operator=(Safetensors&&) noexcept = default;
Safetensors::~Safetensors() = default;

Safetensors Safetensors::open(const std::filesystem::path& file) {
  auto mapping = std::make_unique<Mapping>(file);
  auto parsed = parse(mapping->bytes());
  if (!parsed) throw IoError(file.string() + ": " + parsed.error().message);
  parsed->mapping_ = std::move(mapping);
  return std::move(*parsed);
}

Result<Safetensors> Safetensors::parse(std::span<const std::byte> bytes) {
  if (bytes.size() < 8)
    return fail(ErrorCode::kMalformed, "shorter than the 8 bytes of a header length");
  const std::uint64_t header_bytes = read_u64_le(bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - 8)
    return fail(ErrorCode::kMalformed,
                "header length " + std::to_string(header_bytes) + " is beyond the file");
  const auto text = bytes.subspan(8, header_bytes);
  const auto data = bytes.subspan(8 + header_bytes);
  auto header = parse_safetensors_header({reinterpret_cast<const char*>(text.data()), text.size()});
  if (!header) return tl::unexpected(std::move(header.error()));
  std::sort(header->entries.begin(), header->entries.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  if (auto checked = check_offsets(header->entries, data.size()); !checked)
    return tl::unexpected(std::move(checked.error()));

  Safetensors result;
  result.metadata_ = std::move(header->metadata);
  for (SafetensorsEntry& entry : header->entries) {
    result.index_.emplace(entry.name, result.tensors_.size());
    result.tensors_.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                               data.subspan(entry.begin, entry.end - entry.begin)});
  }
  return result;
}

const TensorView* Safetensors::find(std::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

void Safetensors::release(const TensorView& tensor) const {
  if (mapping_ && !tensor.bytes.empty()) mapping_->release(tensor.bytes);
}

}  // namespace fennec
