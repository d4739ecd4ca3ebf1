# The engine as a library of its own: cmake --install build --component engine --prefix DIR
# A program elsewhere then says find_package(HeroReconciler) and links HeroReconciler::reconciler (docs/engine.md).
# Headers lie below include/hero, so that #include "reconciler/embedded.h" reads the same there as here.

set(engine_rooms api api_codec api_schema api_fields host host_linux reconciler)
set(engine_cmake_dir lib/cmake/HeroReconciler)

foreach(room IN LISTS engine_rooms)
  target_include_directories(${room} INTERFACE $<INSTALL_INTERFACE:include/hero>)
  target_compile_features(${room} INTERFACE cxx_std_20)
  get_target_property(folder ${room} SOURCE_DIR)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${folder})
  get_target_property(headers ${room} SOURCES)
  list(FILTER headers INCLUDE REGEX "\\.h$")
  foreach(header IN LISTS headers)
    get_filename_component(place ${folder}/${header} DIRECTORY)
    install(FILES ${PROJECT_SOURCE_DIR}/${folder}/${header} DESTINATION include/hero/${place} COMPONENT engine)
  endforeach()
endforeach()

# With GNU extensions, which are CMake's default, `linux` is a macro for 1: namespace host::linux would not compile.
target_compile_options(host_linux INTERFACE $<INSTALL_INTERFACE:-Ulinux>)

install(TARGETS ${engine_rooms} EXPORT HeroReconciler ARCHIVE DESTINATION lib/hero COMPONENT engine)
install(EXPORT HeroReconciler NAMESPACE HeroReconciler:: DESTINATION ${engine_cmake_dir} COMPONENT engine)

include(CMakePackageConfigHelpers)
# Before 1.0 any minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/HeroReconcilerConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/HeroReconcilerConfig.cmake
  ${PROJECT_BINARY_DIR}/HeroReconcilerConfigVersion.cmake
  DESTINATION ${engine_cmake_dir} COMPONENT engine)

# What a box gets: cmake --install build --component box --prefix /usr (hack/package makes a tarball of it). The units have
# this prefix in them, and herod looks for its helpers beside itself (docs/adr/0016).
install(TARGETS herod herod-askpass herod-home herod-pack herod-priv DESTINATION lib/hero COMPONENT box)
install(TARGETS heroctl DESTINATION bin COMPONENT box)
foreach(place IN ITEMS systemd/system sysusers.d tmpfiles.d)
  string(REPLACE systemd/system systemd folder ${place})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/packaging/${folder}/ DESTINATION lib/${place} COMPONENT box)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/packaging/profile.d/hero.sh DESTINATION /etc/profile.d COMPONENT box)
