#include "coordinator/client_table.h"

namespace fennec {

std::vector<ClientId> ClientTable::connected() const {
  std::vector<ClientId> out;
  for (const auto& [client, hello] : clients_) out.push_back(client);
  return out;
}

std::vector<Candidate> ClientTable::candidates() const {
  std::vector<Candidate> out;
  for (const auto& [client, hello] : clients_)
    if (hello.train_examples > 0) out.push_back({client, hello.train_examples});
  return out;
}

std::vector<ClientId> ClientTable::eligible() const {
  std::vector<ClientId> out;
  for (const auto& [client, hello] : clients_)
    if (hello.train_examples > 0) out.push_back(client);
  return out;
}

}  // namespace fennec
