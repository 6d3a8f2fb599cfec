#include "coordinator/report_page.h"

#include "coordinator/report_plot.h"

namespace fennec {

namespace {

constexpr const char* kStyle = R"(<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1c2530;background:#fff;margin:0 auto;max-width:1180px;padding:24px 16px}
h1{font-size:26px;margin:0}h2{font-size:18px;margin:32px 0 8px}p.sub{color:#5b6773;margin:2px 0 16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px}
.tile{border:1px solid #e1e6eb;border-radius:8px;padding:8px 12px;overflow-wrap:anywhere}.tile b{display:block;font-size:12px;font-weight:500;color:#5b6773}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:12px;margin-top:16px}
figure{margin:0;border:1px solid #e1e6eb;border-radius:8px;padding:8px}svg{width:100%;height:auto;display:block}
.t{font:12px system-ui,sans-serif;fill:#44505c}.h{font:600 14px system-ui,sans-serif;fill:#1c2530}.m{text-anchor:middle}.e{text-anchor:end}
.grid{stroke:#e9edf1}.axis{stroke:#8b96a1}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{text-align:right;padding:4px 10px;border-bottom:1px solid #e9edf1;white-space:nowrap}th:first-child,td:first-child{text-align:left}
th{color:#5b6773;font-weight:500}pre{background:#f6f8fa;border-radius:8px;padding:12px;overflow-x:auto;font-size:13px}
summary{cursor:pointer;color:#0072b2}
</style>
)";

}  // namespace

std::string html_page(const std::string& title, const std::string& subtitle, const std::string& body) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
         "content=\"width=device-width,initial-scale=1\">\n<title>" +
         escape_html(title) + "</title>\n" + kStyle + "</head><body>\n<h1>" + escape_html(title) +
         "</h1>\n<p class=\"sub\">" + escape_html(subtitle) + "</p>\n" + body + "</body></html>\n";
}

std::string html_table(const std::vector<std::string>& head,
                       const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<div class=\"wide\"><table><thead><tr>";
  for (const std::string& cell : head) out += "<th>" + escape_html(cell) + "</th>";
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const std::string& cell : row) out += "<td>" + escape_html(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string html_tile(const std::string& label, const std::string& value) {
  return "<div class=\"tile\"><b>" + escape_html(label) + "</b>" + escape_html(value) + "</div>";
}

}  // namespace fennec
