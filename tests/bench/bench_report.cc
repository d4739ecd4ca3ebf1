// Reads lines `name value unit` and writes the table and results.json: bench_report RESULTS MACHINE < LINES
// Every row that the project has to reach stands here, measured or not. `peer:NAME:ROW value unit` is a peer's line.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "api/codec/json.h"

namespace {

struct Row {
  std::string_view name;
  std::string_view unit;
  std::string_view op;      // How value and target have to stand to each other.
  double target = 0;        // Of the value; of value / peer where is_ratio.
  std::string_view peer{};  // In the lines `peer:<peer>:<peer_row or name>`, or another row's name.
  std::string_view peer_row{};
  bool is_ratio = false;  // The value is one already: it is there only when the peer is.
  std::string_view note{};
};

// docs/performance.md explains each.
constexpr Row kRows[] = {
    {"accounts-100-idle", "ms", "<=", 10, "sysusers+tmpfiles"},
    {"accounts-10000-idle", "ms", "<=", 1000, "sysusers+tmpfiles"},
    {"accounts-100-create", "x", "<=", 2, "sysusers+tmpfiles", "", true},
    {"hand-edit-undone", "ms", "<=", 50, "", "", false, "the slowest of 250; cf-agent looks every 5 min"},
    {"hand-edit-undone-p50", "ms", "<=", 0},
    {"queue-add-get-done", "ns", "<=", 100, "client-go"},
    {"queue-long-names", "ns", "<=", 150, "client-go"},
    {"queue-100000-delayed", "ns", "<=", 150, "controller-runtime", "queue-add-get-done"},
    {"spec-change-to-reconcile-p99", "ms", "<=", 1},
    {"store-put-p99", "ms", "<=", 3, "raw-fdatasync-p99", "", false, "or 1.5 x raw fdatasync of the same run"},
    {"store-put-over-raw", "x", "<=", 1.5, "etcd", "", false, "p99 over that of raw fdatasync, which both interleave"},
    {"store-get-p99", "ms", "<=", 0.2, "etcd"},
    {"store-event-p99", "ms", "<=", 3, "etcd", "", false, "or 1.5 x raw fdatasync of the same run"},
    {"store-group-commit", "x", ">=", 8, "", "", false, "64 writers against one"},
    {"compaction-put-p99", "ms", "<=", 0, "compaction-none-put-p99", "", false, "while 50 000 old states are dropped"},
    {"compaction-put-max", "ms", "<=", 50, "compaction-none-put-max"},
    {"wire-get-p99", "ms", "<=", 0.2, "etcd", "store-get-p99"},
    {"wire-get-tls-p99", "ms", "<=", 0.2, "etcd", "store-get-p99", false, "etcd's without TLS"},
    {"wire-create-p99", "ms", "<=", 3, "etcd", "store-put-p99", false, "or 1.5 x raw fdatasync of the same run"},
    {"wire-create-over-raw", "x", "<=", 1.5, "etcd", "store-put-over-raw"},
    {"wire-event-p99", "ms", "<=", 3, "etcd", "store-event-p99", false, "or 1.5 x raw fdatasync of the same run"},
    {"wire-event-tls-p99", "ms", "<=", 3, "etcd", "store-event-p99", false, "or 1.5 x raw fdatasync of the same run"},
    {"wire-list-1000-p99", "ms", "<=", 0},
    {"wire-list-100000-p50", "ms", "<=", 0},
    {"wire-list-100000-rate", "MB/s", ">=", 0},
    {"wire-list-100000-resident-more", "MiB", "<=", 0, "", "", false,
     "the daemon's peak while it lists, above what it had"},
    {"watchers-1000-event", "x", "<=", 1.2, "beast", "", true},
    {"watchers-1000-event-p50", "ms", "<=", 0, "beast"},
    {"watchers-1000-event-p99", "ms", "<=", 0, "beast"},
    {"watcher-private", "KiB", "<=", 0, "", "", false, "of the daemon, for each of 1 000 that wait"},
    {"watchers-1000-in-process-p99", "ms", "<=", 3},
    {"list-2000", "ms", "<=", 5, "etcd"},
    {"list-100000", "ms", "<=", 0},
    {"service-restart", "x", "<=", 1, "runit", "", true},
    {"converge-1000-objects", "s", "<=", 2, "flux"},
    {"objects-100000-start", "s", "<=", 5},
    {"objects-100000-resident", "MiB", "<=", 600},
    {"objects-100000-private", "MiB", "<=", 0},
    {"objects-100000-growth", "MiB", "<=", 10, "", "", false,
     "from the first to the fourth cycle of deleting and creating all"},
    {"daemon-idle-private", "MiB", "<=", 20, "flux"},
    {"daemon-idle-resident", "MiB", "<=", 40},
    {"daemon-idle-cpu", "%", "<=", 0.5},
    {"push-to-build", "ms", "<=", 50},
    {"release-switch", "x", "<=", 1.5, "copy+sha256", "", true},
    {"box-loss-drill", "s", "<=", 300},
};

/// The work of accounts beside every tool that was run at it: no targets, figures to compare.
constexpr std::string_view kAccountSizes[] = {"10", "100", "1000", "10000"};
constexpr std::string_view kAccountWork[] = {"create-time", "idle", "drift"};
constexpr std::string_view kAccountPeers[] = {"sysusers+tmpfiles", "useradd", "cfengine", "puppet"};

using Lines = std::map<std::string, double, std::less<>>;

Lines ReadLines(std::istream& in) {
  Lines lines;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    double value = 0;
    if (words >> name >> value) lines[name] = value;
  }
  return lines;
}

const double* Find(const Lines& lines, std::string_view name) {
  const auto found = lines.find(name);
  return found == lines.end() ? nullptr : &found->second;
}

/// Whether there are lines of that row's figures, such as `NAME-p99`.
bool HasFigures(const Lines& lines, std::string_view name) {
  const std::string prefix = std::string(name) + "-";
  const auto found = lines.lower_bound(prefix);
  return found != lines.end() && found->first.starts_with(prefix);
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return std::abs(value) >= 1'000 ? std::to_string(std::llround(value)) : text;
}

/// The row's part of results.json; prints its line of the table.
api::Json Report(const Row& row, const Lines& lines) {
  const double* value = Find(lines, row.name);
  const std::string peer_line =
      "peer:" + std::string(row.peer) + ":" + std::string(row.peer_row.empty() ? row.name : row.peer_row);
  const double* peer = Find(lines, peer_line);
  if (peer == nullptr && !row.peer.empty()) peer = Find(lines, row.peer);
  double target = row.target;
  const double* raw = Find(lines, row.name.starts_with("wire-") ? "wire-raw-fdatasync-p99" : "raw-fdatasync-p99");
  if (row.note.starts_with("or 1.5 x") && raw != nullptr) target = std::max(target, 1.5 * *raw);

  api::Json json = api::Json::EmptyObject();
  json["name"] = row.name;
  json["value"] = value != nullptr ? api::Json(*value) : api::Json();
  json["unit"] = row.unit;
  if (!row.peer.empty()) json["peer"] = row.peer;
  json["peer_value"] = peer != nullptr ? api::Json(*peer) : api::Json();
  json["ratio"] = value != nullptr && peer != nullptr && *peer > 0 ? api::Json(*value / *peer) : api::Json();
  json["target"] = target;
  json["op"] = row.op;
  const bool is_met = value != nullptr && (row.op == "<=" ? *value <= target : *value >= target);
  const bool is_goal = row.target > 0;
  json["met"] = value != nullptr && is_goal ? api::Json(is_met) : api::Json();
  std::string note(row.note);
  if (value == nullptr) note = "not yet";
  const bool lacks_peer = row.is_ratio ? value == nullptr && HasFigures(lines, row.name)
                                       : value != nullptr && !row.peer.empty() && peer == nullptr;
  if (lacks_peer) note = "skipped: the peer is not installed";
  if (!note.empty()) json["note"] = note;

  std::printf("%-30s %9s %-4s %2s %-7s %-5s %-18s %9s %6s  %s\n", std::string(row.name).c_str(),
              value != nullptr ? Number(*value).c_str() : "-", std::string(row.unit).c_str(),
              is_goal ? std::string(row.op).c_str() : "", is_goal ? Number(target).c_str() : "",
              value == nullptr || !is_goal ? ""
              : is_met                     ? "met"
                                           : "MISSED",
              std::string(row.peer).c_str(), peer != nullptr ? Number(*peer).c_str() : "",
              value != nullptr && peer != nullptr && *peer > 0 ? Number(*value / *peer).c_str() : "", note.c_str());
  return json;
}

/// A line for each size, work and tool; what was not run says so.
void ReportAccounts(const Lines& lines, api::Json& results) {
  for (const std::string_view size : kAccountSizes) {
    for (const std::string_view work : kAccountWork) {
      const std::string name = "accounts-" + std::string(size) + "-" + std::string(work);
      for (const std::string_view peer : kAccountPeers) {
        // useradd has no question like "is there anything to do", and CFEngine and Puppet take minutes at a thousand.
        const bool is_asked = peer == "useradd" ? work == "create-time" && size.size() <= 3
                                                : peer == "sysusers+tmpfiles" || size.size() <= 3;
        if (is_asked) results.Append(Report({.name = name, .unit = "ms", .op = "<=", .peer = peer}, lines));
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const Lines lines = ReadLines(std::cin);
  api::Json results = api::Json::Array{};
  std::printf("%-30s %9s %-4s %2s %-7s %-5s %-18s %9s %6s\n", "", "value", "", "", "target", "", "peer", "its value",
              "ratio");
  for (const Row& row : kRows) results.Append(Report(row, lines));
  ReportAccounts(lines, results);
  api::Json all = api::Json::EmptyObject();
  all["machine"] = std::string(argv[2]);
  all["results"] = std::move(results);
  std::ofstream file(argv[1]);
  file << api::codec::WriteJson(all) << "\n";
  return file.good() ? 0 : 1;
}
