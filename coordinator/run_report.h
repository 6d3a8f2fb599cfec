#pragma once
#include "configs/experiment.h"
#include "coordinator/ledger.h"
#include "coordinator/report.h"

namespace fennec {

/// What the ledger of a live run gives a report.
ReportInput live_report(const Ledger& ledger, const Experiment& experiment);

}  // namespace fennec
