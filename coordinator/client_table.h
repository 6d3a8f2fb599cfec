#pragma once
#include <map>
#include <vector>

#include "coordinator/selection.h"
#include "core/ids.h"
#include "transport/messages.h"

namespace fennec {

/// Who is connected, and what each said of itself. Ordered by name, so that nothing depends on arrival
/// order.
class ClientTable {
 public:
  void add(const ClientId& client, const Hello& hello) { clients_[client] = hello; }
  void remove(const ClientId& client) { clients_.erase(client); }
  bool contains(const ClientId& client) const { return clients_.contains(client); }

  std::vector<ClientId> connected() const;  ///< ascending
  /// Those that can train: connected, with at least one training example. Ascending.
  std::vector<ClientId> eligible() const;
  std::vector<Candidate> candidates() const;  ///< the same, with what a selection may ask of them

 private:
  std::map<ClientId, Hello> clients_;
};

}  // namespace fennec
