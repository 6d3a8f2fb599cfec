#pragma once
#include <string>

namespace fennec {

struct AggregationConfig {
  std::string strategy = "fedavg";
  std::string server_optimizer = "sgd";
  double server_lr = 1.0;
  double server_momentum = 0.9;
  std::string codec = "fp32";
};

template <class Visitor>
void fields(Visitor& v, AggregationConfig& c) {
  v("strategy", c.strategy, "how client updates become one");
  v("server_optimizer", c.server_optimizer,
    "how the mean update moves the adapter; sgd with server_lr 1 is FedAvg");
  v("server_lr", c.server_lr, "server step size");
  v("server_momentum", c.server_momentum,
    "momentum of fedavgm: the share of the last step kept in the next");
  v("codec", c.codec, "how a delta is encoded on the wire");
}

}  // namespace fennec
