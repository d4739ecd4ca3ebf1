/// A plugin for clang-tidy 16, built and loaded by hack/tidy: checks walk through our own declarations and no longer
/// through those of std and the libraries, about which they say nothing anyway. That walk was two thirds of the time
/// (CONTRIBUTING.md has the figures). clangd uses the same switch.
///
/// Only a check that follows calls from declaration to declaration through library code would see less
/// (misc-no-recursion, which .clang-tidy does not ask for).
#include <vector>

#include <clang-tidy/ClangTidyCheck.h>
#include <clang-tidy/ClangTidyModule.h>
#include <clang-tidy/ClangTidyModuleRegistry.h>
#include <clang/AST/ASTContext.h>
#include <clang/ASTMatchers/ASTMatchFinder.h>

namespace {

/// Reports nothing. It is asked about the translation unit before the walk begins, and shortens the walk.
class OwnCodeOnly final : public clang::tidy::ClangTidyCheck {
 public:
  using ClangTidyCheck::ClangTidyCheck;

  void registerMatchers(clang::ast_matchers::MatchFinder* finder) override {
    finder->addMatcher(clang::ast_matchers::translationUnitDecl(), this);
  }

  void check(const clang::ast_matchers::MatchFinder::MatchResult& found) override {
    const clang::SourceManager& sources = *found.SourceManager;
    std::vector<clang::Decl*> ours;
    for (clang::Decl* declaration : found.Context->getTranslationUnitDecl()->decls()) {
      // What the compiler declares by itself stands nowhere; a macro of doctest's stands where it is used.
      const clang::SourceLocation place = sources.getExpansionLoc(declaration->getLocation());
      if (place.isValid() && !sources.isInSystemHeader(place)) ours.push_back(declaration);
    }
    found.Context->setTraversalScope(ours);
  }
};

class HeroModule final : public clang::tidy::ClangTidyModule {
 public:
  void addCheckFactories(clang::tidy::ClangTidyCheckFactories& factories) override {
    factories.registerCheck<OwnCodeOnly>("hero-own-code-only");
  }
};

const clang::tidy::ClangTidyModuleRegistry::Add<HeroModule> kAdd("hero", "Walks through our own code only.");

}  // namespace
