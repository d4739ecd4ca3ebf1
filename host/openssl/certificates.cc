#include "host/openssl/certificates.h"

#include <algorithm>
#include <ctime>
#include <memory>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace host::openssl {
namespace {

using api::Code;
using api::Error;
using api::Expected;

template <auto kFree>
struct Freed {
  void operator()(auto* owned) const { kFree(owned); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Address = std::unique_ptr<ASN1_OCTET_STRING, Freed<ASN1_OCTET_STRING_free>>;

constexpr int kSerialBits = 127;            // Random, so that no two are alike; positive in 16 bytes.
constexpr std::size_t kNameMax = 253;       // Of DNS.
constexpr std::size_t kCommonNameMax = 64;  // Of X.509.

Error Failed(const std::string& what) { return {Code::kUnavailable, "CertificateFailed", "OpenSSL cannot " + what}; }

bool IsAddress(const std::string& name) { return Address(a2i_IPADDRESS(name.c_str())) != nullptr; }

Memory Reader(const std::string& text) { return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

/// A key behind a passphrase is none: nobody is here who could type it.
int NoPassphrase(char*, int, int, void*) { return -1; }

Certificate ParseCertificate(const std::string& text) {
  return Certificate(PEM_read_bio_X509(Reader(text).get(), nullptr, NoPassphrase, nullptr));
}

Key ParseKey(const api::Secret& text) {
  return Key(PEM_read_bio_PrivateKey(Reader(text.Reveal()).get(), nullptr, NoPassphrase, nullptr));
}

std::string Pem(auto write) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (!memory || write(memory.get()) != 1) return "";
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Identity TextOf(X509* certificate, EVP_PKEY* key) {
  return {.certificate = Pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate); }),
          .key = api::Secret(Pem(
              [&](BIO* out) { return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); }))};
}

bool Extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetTime(ASN1_TIME* field, api::Time time) {
  return ASN1_TIME_set(field, std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count()) !=
         nullptr;
}

/// All but its issuer and its extensions.
Certificate Begin(EVP_PKEY* key, const std::string& name, const Validity& validity) {
  Certificate certificate(X509_new());
  const Number serial(BN_new());
  if (!certificate || !serial) return nullptr;
  X509* const made = certificate.get();
  const std::string shown = name.substr(0, kCommonNameMax);
  const auto* text = reinterpret_cast<const unsigned char*>(shown.data());
  const bool is_made = X509_set_version(made, X509_VERSION_3) == 1 &&
                       BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, 0) == 1 &&
                       BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(made)) != nullptr &&
                       SetTime(X509_getm_notBefore(made), validity.from) &&
                       SetTime(X509_getm_notAfter(made), validity.until) && X509_set_pubkey(made, key) == 1 &&
                       X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8, text,
                                                  static_cast<int>(shown.size()), -1, 0) == 1;
  return is_made ? std::move(certificate) : nullptr;
}

api::Time TimeOf(const ASN1_TIME* field) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(field, &parts) != 1) return {};
  return api::Time(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace

bool IsServerName(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return false;
  if (IsAddress(std::string(name))) return true;
  if (name.front() == '.' || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

Expected<Identity> MakeAuthority(const std::string& name, const Validity& validity) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate made = key ? Begin(key.get(), name, validity) : nullptr;
  if (!made) return Failed("make an authority");
  X509* const self = made.get();
  const bool is_signed = X509_set_issuer_name(self, X509_get_subject_name(self)) == 1 &&
                         Extend(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                         Extend(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                         Extend(self, self, NID_subject_key_identifier, "hash") &&
                         X509_sign(self, key.get(), EVP_sha256()) > 0;
  if (!is_signed) return Failed("make an authority");
  return TextOf(self, key.get());
}

Expected<Identity> MakeServerIdentity(const Identity& authority, const std::vector<std::string>& names,
                                      const Validity& validity) {
  std::string alternatives;
  for (const std::string& name : names) {
    if (!IsServerName(name))
      return Error{Code::kInvalid, "InvalidServerName", "\"" + name + "\" is no host name and no IP address"};
    alternatives += (alternatives.empty() ? "" : ",") + std::string(IsAddress(name) ? "IP:" : "DNS:") + name;
  }
  if (names.empty()) return Error{Code::kInvalid, "InvalidServerName", "a server needs a name"};
  const Certificate issuer = ParseCertificate(authority.certificate);
  const Key issuer_key = ParseKey(authority.key);
  const Key key(EVP_EC_gen("P-256"));
  const Certificate made = key ? Begin(key.get(), names.front(), validity) : nullptr;
  if (!issuer || !issuer_key || !made) return Failed("make a server's certificate");
  X509* const own = made.get();
  const bool is_signed = X509_set_issuer_name(own, X509_get_subject_name(issuer.get())) == 1 &&
                         Extend(own, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                         Extend(own, issuer.get(), NID_key_usage, "critical,digitalSignature") &&
                         Extend(own, issuer.get(), NID_ext_key_usage, "serverAuth") &&
                         Extend(own, issuer.get(), NID_subject_alt_name, alternatives) &&
                         Extend(own, issuer.get(), NID_authority_key_identifier, "keyid") &&
                         X509_sign(own, issuer_key.get(), EVP_sha256()) > 0;
  if (!is_signed) return Failed("sign a server's certificate");
  return TextOf(own, key.get());
}

Expected<Validity> ValidityOf(const std::string& certificate) {
  const Certificate parsed = ParseCertificate(certificate);
  if (!parsed) return Error{Code::kInvalid, "InvalidCertificate", "this is no PEM certificate"};
  return Validity{.from = TimeOf(X509_get0_notBefore(parsed.get())), .until = TimeOf(X509_get0_notAfter(parsed.get()))};
}

bool Fits(const Identity& identity, const std::string& authority, const std::vector<std::string>& names) {
  const Certificate own = ParseCertificate(identity.certificate);
  const Key key = ParseKey(identity.key);
  const Certificate issuer = ParseCertificate(authority);
  if (!own || !key || !issuer || X509_check_private_key(own.get(), key.get()) != 1) return false;
  if (X509_verify(own.get(), X509_get0_pubkey(issuer.get())) != 1) return false;
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return IsAddress(name) ? X509_check_ip_asc(own.get(), name.c_str(), 0) == 1
                           : X509_check_host(own.get(), name.data(), name.size(), 0, nullptr) == 1;
  });
}

}  // namespace host::openssl
