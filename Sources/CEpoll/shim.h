// SPDX-License-Identifier: Apache-2.0
// Swift's Glibc module leaves epoll and eventfd out.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
