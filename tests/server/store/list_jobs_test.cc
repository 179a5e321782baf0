#include <random>

#include "proto/cc/error_details.h"
#include "server/store/list_filter.h"
#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ListJobsTest : public testing::StateTest {
 protected:
  void SubmitThree() {
    NewJob cats = testing::MakeNewJob("cats");
    (*cats.spec.mutable_labels())["team"] = "vision";
    NewJob dogs = testing::MakeNewJob("Dogs");
    dogs.owner = "bo";
    Submit(cats);
    clock_.Advance(absl::Hours(1));
    Submit(dogs);
    clock_.Advance(absl::Hours(1));
    Submit(testing::MakeNewJob("cat \"Mia\""));
    Start(3);
  }

  std::vector<JobId> Ids(const std::string& filter,
                         const std::string& order = "id") {
    const auto page = jobs().ListJobs({0, "", filter, order});
    EXPECT_TRUE(page.ok()) << page.status();
    std::vector<JobId> ids;
    if (!page.ok()) return ids;
    for (const Job& job : page->jobs) ids.push_back(job.id);
    return ids;
  }
};

TEST_F(ListJobsTest, NewestComesFirstByDefault) {
  SubmitThree();
  EXPECT_THAT(Ids("", ""), ElementsAre(3, 2, 1));
  EXPECT_THAT(Ids("", "name"), ElementsAre(2, 3, 1));
  EXPECT_THAT(Ids("", "name desc"), ElementsAre(1, 3, 2));
  EXPECT_THAT(Ids("", "state"), ElementsAre(1, 2, 3));
}

TEST_F(ListJobsTest, FiltersByEveryField) {
  SubmitThree();
  EXPECT_THAT(Ids("id >= 2"), ElementsAre(2, 3));
  EXPECT_THAT(Ids("name = cats"), ElementsAre(1));
  EXPECT_THAT(Ids("name:CAT"), ElementsAre(1, 3));
  EXPECT_THAT(Ids("name = \"cat \\\"Mia\\\"\""), ElementsAre(3));
  EXPECT_THAT(Ids("state = PENDING"), ElementsAre(1, 2));
  EXPECT_THAT(Ids("state != pending"), ElementsAre(3));
  EXPECT_THAT(Ids("architecture = sd1 AND owner=bo"), ElementsAre(2));
  EXPECT_THAT(Ids("label.team = vision"), ElementsAre(1));
  EXPECT_THAT(Ids("label.team != vision"), ElementsAre(2, 3));
  EXPECT_THAT(Ids("create_time > 2023-11-14T22:30:00Z"), ElementsAre(2, 3));
  EXPECT_THAT(Ids("id = 1 AND id = 2"), IsEmpty());
}

TEST_F(ListJobsTest, TextOfAFilterNeverBecomesSql) {
  SubmitThree();
  EXPECT_THAT(Ids("name = \"x' OR '1'='1\""), IsEmpty());
  EXPECT_THAT(Ids("owner = \"; DROP TABLE jobs; --\""), IsEmpty());
  EXPECT_THAT(Ids("label.x')--=1"), IsEmpty());
  EXPECT_EQ(Ids("").size(), 3u);
}

TEST_F(ListJobsTest, PagesShowEveryJobOnceInEveryOrder) {
  for (int i = 0; i < 23; ++i) {
    Submit(testing::MakeNewJob("n" + std::to_string(i % 4)));
    if (i % 3 == 0) clock_.Advance(absl::Seconds(1));
  }
  for (const char* order : {"id", "id desc", "name", "name desc", "create_time",
                            "create_time desc", "state"}) {
    JobQuery query{5, "", "owner = ana", order};
    std::vector<JobId> paged;
    do {
      const auto page = jobs().ListJobs(query);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const Job& job : page->jobs) paged.push_back(job.id);
      query.page_token = page->next_page_token;
    } while (!query.page_token.empty());
    EXPECT_EQ(paged, Ids("owner = ana", order)) << order;
  }
}

TEST_F(ListJobsTest, TokenOfAnotherQueryIsRefused) {
  SubmitThree();
  const std::string token = jobs().ListJobs({1, "", "", ""})->next_page_token;
  ASSERT_FALSE(token.empty());
  EXPECT_TRUE(jobs().ListJobs({2, token, "", ""}).ok());
  for (const JobQuery& query :
       {JobQuery{1, token, "id > 0", ""}, JobQuery{1, token, "", "name"},
        JobQuery{1, "nonsense", "", ""}, JobQuery{1, "%%%", "", ""}}) {
    EXPECT_EQ(ErrorReason(jobs().ListJobs(query).status()),
              "INVALID_PAGE_TOKEN");
  }
}

TEST_F(ListJobsTest, BadRequestsNameTheirFault) {
  EXPECT_EQ(ErrorReason(jobs().ListJobs({-1, "", "", ""}).status()),
            "INVALID_REQUEST");
  EXPECT_EQ(ErrorReason(jobs().ListJobs({0, "", "", "size"}).status()),
            "INVALID_ORDER");
  const std::pair<const char*, const char*> cases[] = {
      {"nmae = x", "did you mean name?"},
      {"state = ASLEEP", "no state `ASLEEP`"},
      {"state < RUNNING", "takes = and !="},
      {"id = many", "whole number"},
      {"owner : a", "does not take `:`"},
      {"name", "one of = != < <= > >= :"},
      {"name =", "a value"},
      {"name = \"open", "closing quote"},
      {"id = 1 OR id = 2", "joined by AND"},
      {"create_time > yesterday", "2030-01-31T12:00:00Z"},
      {"label. = x", "needs a key"},
  };
  for (const auto& [filter, message] : cases) {
    const auto parsed = ParseFilter(filter);
    EXPECT_EQ(ErrorReason(parsed.status()), "INVALID_FILTER") << filter;
    EXPECT_THAT(parsed.status().message(), HasSubstr(message)) << filter;
  }
}

TEST_F(ListJobsTest, LongFiltersAreRefused) {
  EXPECT_FALSE(ParseFilter(std::string(5000, 'a')).ok());
  std::string many = "id = 1";
  for (int i = 0; i < 30; ++i) many += " AND id = 1";
  EXPECT_FALSE(ParseFilter(many).ok());
}

// Any text is either refused as a filter or runs.
TEST_F(ListJobsTest, RandomFiltersNeverBreakTheDatabase) {
  SubmitThree();
  const char* pieces[] = {"id",     "name",        "state",
                          "label.", "create_time", "=",
                          "!=",     "<=",          ":",
                          "AND",    "\"",          "\\",
                          "'",      "--",          "RUNNING",
                          "1",      " ",           "cats",
                          "\xff",   "(",           "99999999999999999999",
                          "sd1",    "\n"};
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string filter;
    const unsigned count = random() % 9;
    for (unsigned j = 0; j < count; ++j) {
      filter += pieces[random() % std::size(pieces)];
      if (random() % 2 == 0) filter += ' ';
    }
    const auto page = jobs().ListJobs({0, "", filter, ""});
    if (page.ok()) continue;
    EXPECT_EQ(ErrorReason(page.status()), "INVALID_FILTER")
        << filter << ": " << page.status();
  }
}

}  // namespace
}  // namespace atelier::server
