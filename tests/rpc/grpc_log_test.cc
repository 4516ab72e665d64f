#include "rpc/grpc_log.h"

#include <gmock/gmock.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

namespace canopy {
namespace {

TEST(ForwardProtobufLog, WhatProtobufSaysIsALineOfOurLog) {
  ForwardProtobufLog();
  google::protobuf::StringValue text;
  text.set_value("\xff");
  ::testing::internal::CaptureStderr();
  text.SerializeAsString();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::AllOf(::testing::HasSubstr(" error : protobuf file="),
                               ::testing::HasSubstr("contains invalid UTF-8 data")));
}

}  // namespace
}  // namespace canopy
