#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/example.h"

namespace fennec {

/// What one device may learn from and what it is tested on.
struct DeviceData {
  std::string device_id;
  std::vector<Example> train, test;
};

/// One JSON object without a line end. `kind` and, for label tasks, `slots` are always written.
std::string to_json_line(const Example& example);

/// Strict: throws IoError "where: field: expected …". Unknown keys inside `meta` are ignored. Without
/// `meta.kind` an example with slots is a label, one whose answer is a number a forecast, any other
/// text. A conversation ends with an assistant message and is text.
/// @param where  "file:line" for messages
Example parse_example(std::string_view json, const std::string& where);

/// A conversation as one example for each of its assistant messages, which ends with it: all of them
/// are learnt, each from what was said before it. Any other example as it is.
std::vector<Example> one_per_answer(Example example);

/// Plain or gzip JSONL, a conversation one example an answer; empty lines are skipped. Throws IoError
/// with file:line.
std::vector<Example> load_examples(const std::filesystem::path& file);
void write_examples(const std::filesystem::path& file,
                    std::span<const Example> examples);  ///< atomic; throws IoError

/// A prepared device directory (train.jsonl, and test.jsonl if there), or one JSONL file, which is all
/// training data. Throws IoError when nothing is there.
DeviceData load_device_data(const std::filesystem::path& directory_or_file);

/// Names of the devices prepared below `root`, sorted. Throws IoError when there are none.
std::vector<std::string> prepared_devices(const std::filesystem::path& root);

/// Writes `root`/<device_id>/{train,test}.jsonl.
void write_device_data(const std::filesystem::path& root, const DeviceData& device);

}  // namespace fennec
