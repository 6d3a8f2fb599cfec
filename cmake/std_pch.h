// The standard headers (and fmt) that most sources share. No CLI11, JSON or Eigen here: the functions
// in such headers are instantiated again in every source that loads them, which costs more than parsing
// them where they are used.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
