#include "base/signals.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "gtest/gtest.h"

namespace canopy {
namespace {

TEST(SignalWaiter, ASignalThatCameBeforeTheWaitIsNotLost) {
  SignalWaiter signals;
  ASSERT_EQ(::kill(::getpid(), SIGHUP), 0);
  EXPECT_EQ(signals.Wait(), SIGHUP);
  ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  EXPECT_EQ(signals.WaitFor(absl::Minutes(5)), SIGTERM);
}

TEST(SignalWaiter, ASignalFromAnotherThreadEndsTheWait) {
  SignalWaiter signals;
  std::thread sender([] { ::kill(::getpid(), SIGINT); });
  EXPECT_EQ(signals.Wait(), SIGINT);
  sender.join();
}

TEST(SignalWaiter, WaitForGivesUpAfterItsTime) {
  SignalWaiter signals;
  EXPECT_EQ(signals.WaitFor(absl::ZeroDuration()), std::nullopt);
  EXPECT_EQ(signals.WaitFor(absl::Milliseconds(1)), std::nullopt);
}

TEST(SignalWaiter, WithoutALimitItWaitsForTheSignal) {
  SignalWaiter signals;
  std::thread sender([] { ::kill(::getpid(), SIGTERM); });
  EXPECT_EQ(signals.WaitFor(absl::InfiniteDuration()), SIGTERM);
  sender.join();
}

TEST(SignalWaiter, AReaderThatIsGoneKillsNobody) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  {
    const SignalWaiter signals;
    EXPECT_EQ(::write(ends[1], "x", 1), -1);
    EXPECT_EQ(errno, EPIPE);
  }
  struct sigaction after;
  ::sigaction(SIGPIPE, nullptr, &after);
  EXPECT_EQ(after.sa_handler, SIG_DFL);
  ::close(ends[1]);
}

TEST(SignalWaiter, TheDestructorRestoresTheBlockedSet) {
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  {
    const SignalWaiter signals({SIGUSR1});
    sigset_t during;
    pthread_sigmask(SIG_BLOCK, nullptr, &during);
    EXPECT_EQ(sigismember(&during, SIGUSR1), 1);
  }
  sigset_t after;
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  EXPECT_EQ(sigismember(&after, SIGUSR1), sigismember(&before, SIGUSR1));
}

}  // namespace
}  // namespace canopy
