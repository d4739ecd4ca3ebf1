#include "server/list_body.h"

#include <algorithm>
#include <string>
#include <utility>

#include "api/codec/json.h"

namespace server {
namespace {

using reconciler::SnapshotPtr;

constexpr std::size_t kPieceBytes =
    128u << 10;  // What one slow reader holds in memory; a unix socket takes some 200 KiB.

class ListBody final : public BodySource {
 public:
  ListBody(std::string head, std::vector<SnapshotPtr> items, std::string tail)
      : head_(std::move(head)),
        items_(std::move(items)),
        tail_(std::move(tail)),
        size_(head_.size() + tail_.size() + (items_.empty() ? 0 : items_.size() - 1)) {
    for (const SnapshotPtr& item : items_) size_ += item->text.size();
  }

  std::size_t size() const override { return size_; }

  std::string Next() override {
    std::string piece = std::exchange(head_, {});
    piece.reserve(std::min(size_, kPieceBytes + (kPieceBytes >> 2)));
    for (; taken_ < items_.size() && piece.size() < kPieceBytes; ++taken_) {
      if (taken_ > 0) piece += ',';
      piece += std::exchange(items_[taken_], nullptr)->text;  // What was replaced meanwhile can go.
    }
    if (taken_ == items_.size()) piece += std::exchange(tail_, {});
    return piece;
  }

 private:
  std::string head_;
  std::vector<SnapshotPtr> items_;
  std::size_t taken_ = 0;
  std::string tail_;
  std::size_t size_;
};

}  // namespace

api::Json ListMetaJson(const ListMeta& meta) {
  api::Json json =
      api::Json::Of({{"resourceVersion", std::to_string(meta.revision.value)}, {"continue", meta.continue_token}});
  if (meta.remaining) json["remainingItemCount"] = *meta.remaining;
  return json;
}

std::unique_ptr<BodySource> MakeListBody(const api::schema::Kind& kind, const ListMeta& meta,
                                         std::vector<SnapshotPtr> items) {
  return std::make_unique<ListBody>(
      R"({"apiVersion":")" + kind.api_version() + R"(","items":[)", std::move(items),
      R"(],"kind":")" + kind.list_kind + R"(","metadata":)" + api::codec::WriteJson(ListMetaJson(meta)) + "}");
}

}  // namespace server
