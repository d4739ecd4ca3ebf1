#include "tests/host/throwaway_ca.h"

#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace tests {
namespace {

template <auto Free>
struct Deleter {
  void operator()(auto* p) const noexcept { Free(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

void Require(bool is_good) {
  if (!is_good) throw std::runtime_error("OpenSSL cannot make a certificate");
}

Key MakeKey() {
  Key key(EVP_EC_gen("P-256"));
  Require(key != nullptr);
  return key;
}

void Extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  Require(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

Certificate Begin(EVP_PKEY* key, const std::string& name, long serial) {
  Certificate certificate(X509_new());
  Require(certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const auto* text = reinterpret_cast<const unsigned char*>(name.data());
  Require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, static_cast<int>(name.size()), -1, 0) == 1);
  return certificate;
}

std::string Pem(auto write) {
  const Memory memory(BIO_new(BIO_s_mem()));
  Require(memory && write(memory.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

ThrowawayCa MakeThrowawayCa(const std::string& host) {
  const Key ca_key = MakeKey();
  const Certificate ca = Begin(ca_key.get(), "a throw-away authority", 1);
  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  Extend(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
  Extend(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  Extend(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
  Require(X509_sign(ca.get(), ca_key.get(), EVP_sha256()) > 0);

  const Key key = MakeKey();
  const Certificate leaf = Begin(key.get(), host, 2);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca.get()));
  Extend(leaf.get(), ca.get(), NID_basic_constraints, "critical,CA:FALSE");
  Extend(leaf.get(), ca.get(), NID_key_usage, "critical,digitalSignature");
  Extend(leaf.get(), ca.get(), NID_ext_key_usage, "serverAuth");
  Extend(leaf.get(), ca.get(), NID_subject_alt_name, "DNS:" + host);
  Extend(leaf.get(), ca.get(), NID_authority_key_identifier, "keyid");
  Require(X509_sign(leaf.get(), ca_key.get(), EVP_sha256()) > 0);

  return {.ca_certificate = Pem([&](BIO* out) { return PEM_write_bio_X509(out, ca.get()); }),
          .certificate = Pem([&](BIO* out) { return PEM_write_bio_X509(out, leaf.get()); }),
          .key = Pem([&](BIO* out) {
            return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace tests
