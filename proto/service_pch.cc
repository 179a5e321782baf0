#include "proto/service_pch.h"
