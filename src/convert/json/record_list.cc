#include "convert/json/record_list.h"

namespace millrace {

void write_transaction_block(const Change& change, const std::optional<EventOrder>& order,
                             JsonWriter& out) {
  out.raw(R"(,"transaction":)");
  if (!order) {
    out.raw("null");
    return;
  }
  out.raw(R"({"id":")");
  out.number(change.xid);
  out.raw(':');
  out.number(change.lsn);
  out.raw(R"(","total_order":)");
  out.number(order->total);
  out.raw(R"(,"data_collection_order":)");
  out.number(order->collection);
  out.raw('}');
}

}  // namespace millrace
