# ROS 2 wheels export include folders of the machine that built them, and CMake refuses folders that do not exist.
# scripts/setup hands this to every package that it builds on the wheels, as CMAKE_PROJECT_INCLUDE.
function(drop_foreign_include_directories)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(directories)
      list(FILTER directories EXCLUDE REGEX "^/opt/python/")
      set_property(TARGET ${target} PROPERTY INTERFACE_INCLUDE_DIRECTORIES "${directories}")
    endif()
  endforeach()
endfunction()
cmake_language(DEFER CALL drop_foreign_include_directories)
