#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "api/codec/text.h"
#include "cmd/heroctl/commands.h"
#include "host/box_paths.h"
#include "host/linux/files.h"
#include "reconciler/audit_chain.h"

namespace heroctl {
namespace {

constexpr std::size_t kFileMax = 1u << 30;  // Some three million lines; logrotate comes long before.
constexpr int kRotatedMax = 99;

/// The log of this machine or of $HERO_ROOT, and what logrotate made of its beginning, oldest first.
std::vector<std::string> OwnLogs() {
  const char* const root = std::getenv("HERO_ROOT");
  const std::string log = host::PathsOf(root ? root : "", "driver").state + "/audit.log";
  std::vector<std::string> files{log};
  for (int i = 1; i <= kRotatedMax && std::filesystem::exists(log + "." + std::to_string(i)); ++i)
    files.push_back(log + "." + std::to_string(i));
  std::reverse(files.begin(), files.end());
  return files;
}

}  // namespace

int RunAuditVerify(const Session& session, const Flags& flags) {
  reconciler::ChainCheck check;
  for (const std::string& file : flags.objects.empty() ? OwnLogs() : flags.objects) {
    const auto text = host::linux::ReadFile(file, kFileMax);
    if (!text) return Fail(session, text.error());
    check.Add(file, *text);
  }
  const reconciler::ChainReport& report = check.report();
  for (const reconciler::ChainFinding& finding : report.findings)
    session.out << api::codec::Printable(finding.file) << ":" << finding.line << ": "
                << (finding.is_fault ? "" : "(no fault) ") << finding.message << "\n";
  session.out << report.lines << " lines, up to number " << report.head.seq << ", chain " << report.head.hash << "\n";
  if (!report.is_good()) session.err << "error: the audit log is not what herod wrote\n";
  return report.is_good() ? 0 : 1;
}

}  // namespace heroctl
