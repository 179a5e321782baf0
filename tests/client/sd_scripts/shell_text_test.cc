#include "client/sd_scripts/shell_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::client::sd_scripts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string NoVariable(const char*) { return ""; }

std::vector<std::string> Words(const std::string& text,
                               const Environment& environment = NoVariable) {
  const auto commands = ReadShellText(text, environment);
  EXPECT_TRUE(commands.ok()) << commands.status();
  if (!commands.ok() || commands->size() != 1) return {"not one command"};
  return commands->front().words;
}

std::string Failure(const std::string& text) {
  const auto commands = ReadShellText(text, NoVariable);
  return commands.ok() ? "" : std::string(commands.status().message());
}

TEST(ShellTextTest, QuotesKeepSpacesAndJoinWhatTheyTouch) {
  EXPECT_THAT(Words(R"(a "b c" 'd "e' f'g'"h" "" x=\"1\")"),
              ElementsAre("a", "b c", "d \"e", "fgh", "", "x=\"1\""));
  EXPECT_THAT(Words(R"("a\b\$c\"d\\" 'a\b')"),
              ElementsAre(R"(a\b$c"d\)", R"(a\b)"));
}

TEST(ShellTextTest, LinesGoOnAfterABackslashEvenWithSpacesBehindIt) {
  EXPECT_THAT(Words("run \\\n  --a 1 \\  \r\n\t--b=\\\n2\n"),
              ElementsAre("run", "--a", "1", "--b=2"));
}

TEST(ShellTextTest, LinesGoOnAsTheShellsOfWindowsWriteThem) {
  EXPECT_THAT(Words("run ^\r\n --a C:\\x\\y ^\r\n --b \"D:\\z w\"\r\n"),
              ElementsAre("run", "--a", "C:\\x\\y", "--b", "D:\\z w"));
  EXPECT_THAT(Words("run `\n --a 'E:\\m' `\n --b 1"),
              ElementsAre("run", "--a", "E:\\m", "--b", "1"));
  EXPECT_THAT(Words(".\\run.exe --a=\"F:\\n\""),
              ElementsAre(".\\run.exe", "--a=F:\\n"));
}

TEST(ShellTextTest, CommentsBeginAtAWord) {
  EXPECT_THAT(Words("# first\nrun a#b # rest 'of\n"),
              ElementsAre("run", "a#b"));
}

TEST(ShellTextTest, VariablesComeFromTheTextAndThenTheEnvironment) {
  const auto environment = [](const char* name) -> std::string {
    return std::string(name) == "HOME" ? "/home/me" : "";
  };
  EXPECT_THAT(Words("M=/models/a\nexport ARGS='--x 1  --y'\n"
                    "run \"$M.bin\" ${M}b $ARGS ~/z $HOME",
                    environment),
              ElementsAre("run", "/models/a.bin", "/models/ab", "--x", "1",
                          "--y", "/home/me/z", "/home/me"));
  EXPECT_THAT(Failure("run $NOWHERE"), HasSubstr("NOWHERE is not set"));
}

TEST(ShellTextTest, CommandsAreTakenApartAndKnowTheirFolder) {
  const auto commands = ReadShellText(
      "cd work && source env/bin/activate; cd scripts\n"
      "A=1 run --x 2 > log.txt 2>&1 | tee all.txt &\n",
      NoVariable);
  ASSERT_TRUE(commands.ok()) << commands.status();
  ASSERT_THAT(*commands, SizeIs(3));
  const ShellCommand& run = (*commands)[1];
  EXPECT_THAT(run.assignments, ElementsAre("A=1"));
  EXPECT_THAT(run.words, ElementsAre("run", "--x", "2"));
  EXPECT_EQ(run.folder, "work/scripts");
  EXPECT_EQ(run.line, 2);
  EXPECT_EQ((*commands)[0].folder, "work");
}

TEST(ShellTextTest, WhatCannotBeReadIsNamedWithItsLine) {
  EXPECT_THAT(Failure("run\nrun 'a\nb"), HasSubstr("line 2"));
  EXPECT_THAT(Failure("run 'a\nb"), HasSubstr("no second one"));
  EXPECT_THAT(Failure("run \"a"), HasSubstr("no second one"));
  EXPECT_THAT(Failure("run `date`"), HasSubstr("is not run"));
  EXPECT_THAT(Failure("run $(date)"), HasSubstr("write the value"));
  EXPECT_THAT(Failure("run \"${A[@]}\""), HasSubstr("write the value"));
  EXPECT_THAT(Failure("cat <<EOF"), HasSubstr("here-document"));
}

TEST(ShellTextTest, HostileTextIsAnErrorOrHarmless) {
  EXPECT_THAT(Failure(std::string("run \0 a", 7)), HasSubstr("NUL"));
  EXPECT_THAT(Failure(std::string(10 << 20, 'a')), HasSubstr("1 MiB"));
  EXPECT_THAT(Failure(std::string(1 << 20, '"')), "");
  EXPECT_THAT(Failure(std::string(1000001, '\'')), HasSubstr("no second"));
  for (const char* text : {"\\", "$", "${", "^", "`", ">", "2>", "&", "=", "~",
                           "a=", "\xff\xfe", "|||", ";;&&"}) {
    ReadShellText(text, NoVariable).status().IgnoreError();
  }
}

}  // namespace
}  // namespace atelier::client::sd_scripts
