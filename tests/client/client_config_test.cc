#include "client/client_config.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"

namespace atelier::client {
namespace {

using ::testing::HasSubstr;

class ClientConfigTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Address(const std::string& flag = "") {
    std::ostringstream out, err;
    const Context context{
        out, err,     {},     [this](const char* name) { return env_[name]; },
        "/", nullptr, nullptr};
    return ServerAddress(flag, context);
  }
  void WriteConfig(const std::string& text) {
    env_["XDG_CONFIG_HOME"] = dir_.path();
    std::filesystem::create_directories(dir_.File("atelier"));
    std::ofstream(dir_.File("atelier/config.toml")) << text;
  }

  testing::TempDir dir_;
  std::map<std::string, std::string> env_;
};

TEST_F(ClientConfigTest, FlagWinsOverVariableOverFileOverDefault) {
  EXPECT_EQ(*Address(), "unix:/run/atelier/atelier.sock");
  WriteConfig("server = \"host:1\"\n");
  EXPECT_EQ(*Address(), "host:1");
  env_["ATELIER_SERVER"] = "host:2";
  EXPECT_EQ(*Address(), "host:2");
  EXPECT_EQ(*Address("host:3"), "host:3");
}

TEST_F(ClientConfigTest, UsersOwnSocketIsPreferredWhereItExists) {
  env_["XDG_RUNTIME_DIR"] = dir_.path();
  EXPECT_EQ(*Address(), "unix:/run/atelier/atelier.sock");
  std::filesystem::create_directories(dir_.File("atelier"));
  std::ofstream(dir_.File("atelier/atelier.sock")) << "";
  EXPECT_EQ(*Address(), "unix:" + dir_.File("atelier/atelier.sock"));
}

TEST_F(ClientConfigTest, HomeIsWhereTheFileIsWithoutXdg) {
  std::filesystem::create_directories(dir_.File(".config/atelier"));
  std::ofstream(dir_.File(".config/atelier/config.toml"))
      << "server = \"host:4\"\n";
  env_["HOME"] = dir_.path();
  EXPECT_EQ(*Address(), "host:4");
}

TEST_F(ClientConfigTest, BrokenFileIsNamedWithItsLine) {
  WriteConfig("\nsrver = \"x\"\n");
  EXPECT_THAT(
      std::string(Address().status().message()),
      HasSubstr("config.toml:2: unknown key srver; did you mean server?"));
  WriteConfig("server = 7\n");
  EXPECT_THAT(std::string(Address().status().message()),
              HasSubstr("server must be a text"));
  WriteConfig("server = \n");
  EXPECT_THAT(std::string(Address().status().message()),
              HasSubstr("config.toml:1"));
}

TEST_F(ClientConfigTest, AddressIsASocketOrAHostWithAPort) {
  EXPECT_EQ(*ParseServerAddress("/a/b.sock"), "unix:/a/b.sock");
  EXPECT_EQ(*ParseServerAddress("unix:///a/b.sock"), "unix:/a/b.sock");
  EXPECT_EQ(*ParseServerAddress("[::1]:50051"), "[::1]:50051");
  for (const std::string& bad :
       {std::string("unix:a.sock"), std::string("host"), std::string("host:0"),
        std::string("host:99999"), "/" + std::string(200, 'x')}) {
    EXPECT_EQ(ParseServerAddress(bad).status().code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

}  // namespace
}  // namespace atelier::client
