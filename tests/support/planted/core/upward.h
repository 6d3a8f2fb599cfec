#include "coordinator/round_engine.h"  // what the layer test must refuse
